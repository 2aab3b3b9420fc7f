# SPDX-License-Identifier: Apache-2.0
#
# Penstock as a small image: built in one stage, with nothing of the build in the other. It runs as an unprivileged user with
# a numeric id, in exec form, so that Penstock itself is process 1 and receives the signals (SIGTERM drains, SIGHUP reloads).

FROM debian:12-slim AS build
WORKDIR /src
COPY . .
RUN ./dev build release penstock && strip --strip-debug build/release/penstock

FROM debian:12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libboost-container1.81.0 libboost-json1.81.0 libfmt9 libidn12 \
        libpg-query1504.0 libpq5 libprometheus-cpp-core1.0 \
        libsodium23 libspdlog1.10 libssl3 libstdc++6 libtomlplusplus3 libzstd1 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 penstock && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin penstock
COPY --from=build /src/build/release/penstock /usr/local/bin/penstock
COPY config/penstock.toml /usr/local/share/penstock/penstock.toml
USER 10001:10001
RUN ["penstock", "--version"]
EXPOSE 6432 6033 6430
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=5s --retries=3 CMD ["penstock", "health"]
ENTRYPOINT ["penstock"]
