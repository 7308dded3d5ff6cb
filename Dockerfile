# podview for linux/amd64 and linux/arm64:
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg VERSION=v0.1.0 .
# `make image` makes the same without docker.
#
# The builder's digest is not pinned: it has not been looked up in the registry,
# and a made-up one would not build. What it builds is checked instead: the
# modules by go.sum, and the toolchain stays the image's (GOTOOLCHAIN=local).
FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
ARG TARGETARCH
ARG VERSION=dev
WORKDIR /src
# The modules first: they change less often than the sources.
COPY go.mod go.sum ./
RUN GOTOOLCHAIN=local go mod download
COPY daemon daemon
RUN export GOTOOLCHAIN=local CGO_ENABLED=0 GOOS=linux GOARCH=$TARGETARCH; \
    go build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /podview ./daemon && \
    go build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /podview-nri ./daemon/podview-nri

# No shell, no libraries, no package manager: podview needs none of them.
FROM scratch
ARG VERSION=dev
LABEL org.opencontainers.image.title="podview" \
      org.opencontainers.image.description="Shows every container the CPUs, memory, swap and disk it was given" \
      org.opencontainers.image.source="https://github.com/podview/podview" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
COPY LICENSE /LICENSE
COPY --from=build /podview /podview
COPY --from=build /podview-nri /podview-nri
# Root, since it mounts; what else it may do is in the DaemonSet.
ENTRYPOINT ["/podview"]
