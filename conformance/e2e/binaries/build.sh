#!/bin/bash
# build.sh [MODULE...]: builds the pinned binaries of the test cluster from the
# modules beside this script, and prints the directory that has them all. A
# module is built again only when its own files change: what is in
# .cache/e2e-bin/MODULE-HASH is kept between runs. A cold build takes about
# eight minutes on two CPUs, most of it Kubernetes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
cache=$(cd ../../.. && pwd)/.cache/e2e-bin
mkdir -p "$cache"

# The version that a module's go.mod pins.
pinned() { (cd "$1" && go list -m -f '{{.Version}}' "$2"); }

# go_build OUTPUT PACKAGE [FLAG...]
go_build() {
	local out=$1 package=$2
	shift 2
	go build -buildvcs=false -trimpath "$@" -o "$out" "$package"
}

build_kubernetes() {
	# The API server, its clients and kubectl compare these; without them they
	# are v0.0.0-master.
	local v flags='-s -w' package
	v=$(pinned . k8s.io/kubernetes)
	for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
		flags+=" -X $package.gitVersion=$v -X $package.gitMajor=1 -X $package.gitMinor=$(cut -d. -f2 <<<"$v")"
	done
	CGO_ENABLED=0 go_build "$1/hyperkube" . -ldflags "$flags"
	for component in kube-apiserver kube-controller-manager kube-scheduler kubelet kubectl; do
		ln -sf hyperkube "$1/$component"
	done
}

build_etcd() { CGO_ENABLED=0 go_build "$1/etcd" go.etcd.io/etcd/server/v3 -ldflags '-s -w'; }

build_containerd() {
	local m=github.com/containerd/containerd/v2 program
	for program in containerd containerd-shim-runc-v2 ctr; do
		CGO_ENABLED=0 go_build "$1/$program" $m/cmd/$program -tags no_btrfs,no_zfs,no_devmapper \
			-ldflags "-s -w -X $m/version.Version=$(pinned . $m)"
	done
}

# With seccomp, which the kubelet asks for, and without libpathrs; both are C
# libraries.
build_runc() {
	local v
	v=$(pinned . github.com/opencontainers/runc)
	CGO_ENABLED=1 go_build "$1/runc" github.com/opencontainers/runc -tags seccomp,netgo,osusergo,urfave_cli_no_docs \
		-ldflags "-s -w -extldflags -static -X main.version=${v#v}"
}

build_cni() {
	local plugin
	for plugin in ipam/host-local main/bridge main/loopback; do
		CGO_ENABLED=0 go_build "$1/$(basename $plugin)" github.com/containernetworking/plugins/plugins/$plugin -ldflags '-s -w'
	done
}

# With the flags that `make kyverno` builds the CLI with: without -trimpath, so
# that most of its packages are compiled already.
build_kyverno() {
	local m=github.com/kyverno/kyverno program
	for program in kyverno reports-controller; do
		go build -buildvcs=false -ldflags '-s -w' -o "$1/$program" $m/cmd/$program
	done
	install -m 644 "$(go list -m -f '{{.Dir}}' $m)/config/install-latest-testing.yaml" "$1/kyverno.yaml"
}

# Of the source-controller only the CRDs are used.
build_flux() {
	local m=github.com/fluxcd sources
	go_build "$1/kustomize-controller" $m/kustomize-controller -ldflags '-s -w'
	sources=$(go mod download -json "$m/source-controller@$(pinned . $m/source-controller/api)" | sed -n 's/.*"Dir": "\(.*\)",/\1/p')
	cat "$(go list -m -f '{{.Dir}}' $m/kustomize-controller)"/config/crd/bases/*.yaml "$sources"/config/crd/bases/*.yaml >"$1/flux.yaml"
}

# ready MODULE: its directory below the cache, built if need be.
ready() {
	local module=$1 dir
	dir=$cache/$module-$({ cat "$module"/* && declare -f go_build "build_$module"; } | sha256sum | cut -c1-12)
	if [ ! -d "$dir" ]; then
		rm -rf "$dir.new" && mkdir "$dir.new"
		echo "building $module ($SECONDS s)" >&2
		(cd "$module" && "build_$module" "$dir.new") >&2
		mv "$dir.new" "$dir"
	fi
	echo "$dir"
}

[ $# -gt 0 ] || set -- kubernetes etcd containerd runc cni kyverno flux
dirs=()
for module in "$@"; do dirs+=("$(ready "$module")"); done
bin=$cache/$(printf '%s\n' "${dirs[@]}" | sha256sum | cut -c1-12)
if [ ! -d "$bin" ]; then
	rm -rf "$bin.new" && mkdir "$bin.new"
	for dir in "${dirs[@]}"; do cp -al "$dir/." "$bin.new/"; done
	mv "$bin.new" "$bin"
fi
echo "$bin"
