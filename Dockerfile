# The command `metarl` with all that it needs, as a user without rights.
#
#   docker build -t metarl .                                  torch as PyPI has it: for CPU and CUDA, large
#   docker build -t metarl --build-arg TORCH_INDEX=URL .      torch from another index, such as that of its CPU builds: small
#   docker build -t metarl:gpu --build-arg EXTRAS=gpu .       with MuJoCo Warp
#
#   docker run --rm -v "$PWD/runs:/work/runs" metarl quickstart
#   docker run --rm --gpus all -v "$PWD/runs:/work/runs" metarl:gpu train maml_cheetah_direction --train.num_tasks 256

FROM python:3.11-slim-bookworm

# Videos are drawn without a display: EGL on a GPU, OSMesa on a CPU.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libegl1 libgl1 libosmesa6 \
    && rm -rf /var/lib/apt/lists/*

ARG TORCH_INDEX=""
ARG EXTRAS=""
WORKDIR /opt/metarl
COPY constraints.txt ./
# torch comes first and by its exact version: the build that this names is the one that later requirements keep
RUN pip install --no-cache-dir ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$(grep '^torch==' constraints.txt)"

COPY pyproject.toml README.md LICENSE ./
COPY docs/settings.yaml docs/settings.yaml
COPY configs configs
COPY envs envs
COPY agents agents
COPY metarl metarl
RUN pip install --no-cache-dir -c constraints.txt ".${EXTRAS:+[$EXTRAS]}"

RUN useradd --create-home --uid 1000 metarl \
    && mkdir -p /work/runs \
    && chown -R metarl:metarl /work
USER metarl
WORKDIR /work
ENTRYPOINT ["metarl"]
CMD ["--help"]
