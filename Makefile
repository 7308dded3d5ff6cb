# GNU make. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build
.PHONY: check test-all overlays shellcheck golangci conformance-vm-short \
	build test deps lint unit fuzz generate generate-check policies kyverno image render demo \
	conformance conformance-host conformance-vm nri nri-vm soak compare-faults clean help \
	vuln conformance-race conformance-vm-v1 conformance-programs conformance-programs-vm compare-programs generate-syscalls syscalls-check bin/asker \
	bench bench-smoke bench-docs bench-programs e2e e2e-up e2e-down e2e-programs \
	bin/conformance.test bin/podview.earlier bin/podview-image.tar

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 100000x
MODULES := $(dir $(wildcard go.mod */go.mod */*/go.mod))
# The race detector is C.
RACE := $(shell CGO_ENABLED=1 go env CC | xargs which >/dev/null 2>&1 && echo -race)
STATICCHECK_VERSION := v0.8.2
STATICCHECK := $(CURDIR)/.cache/staticcheck-$(STATICCHECK_VERSION)/staticcheck
GOVULNCHECK_VERSION := v1.9.0
GOVULNCHECK := $(CURDIR)/.cache/govulncheck-$(GOVULNCHECK_VERSION)/govulncheck
VULNDB ?= https://vuln.go.dev
GOLANGCI_VERSION := v2.15.0
GOLANGCI := $(CURDIR)/.cache/golangci-lint-$(GOLANGCI_VERSION)/golangci-lint
KYVERNO_VERSION := $(shell awk '$$1 == "github.com/kyverno/kyverno" { print $$2; exit }' conformance/kyverno/go.mod)
KYVERNO := $(CURDIR)/.cache/kyverno-$(KYVERNO_VERSION)/kubectl-kyverno
KUBECTL_VERSION := $(shell awk '$$1 == "k8s.io/kubernetes" { print $$2; exit }' conformance/kubectl/go.mod)
KUBECTL := $(CURDIR)/.cache/kubectl-$(KUBECTL_VERSION)/kubectl
KUBECTL_PACKAGE := k8s.io/kubernetes/cmd/kubectl
# What kustomize/daemonset asks for.
IMAGE := ghcr.io/podview/podview:v0.1.0
ARCHES := amd64 arm64
E2E ?= all
POLICY ?= kyverno
FOCUS ?= .
E2E_DIR := $(CURDIR)/.cache/e2e
# The version is -X's; stamping fails in a checkout that another user owns.
export GOFLAGS += -buildvcs=false

build: ## bin/podview and bin/podview-nri, static binaries
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/podview ./daemon
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/podview-nri ./daemon/podview-nri

# The steps of check; test has more, test-all has all.
CHECK := build lint-daemon unit generate-check

check: ## for each change, a minute: build, unit tests, recorded cases, the daemon's lint, generated files
	@MAKE="$(MAKE)" QUICK=yes .ci/steps $(CHECK)

test: ## check, policies, overlays, and the suite on this machine and, shortened, in a VM with cgroup v2
	@MAKE="$(MAKE)" .ci/steps deps $(CHECK) policies overlays conformance-host conformance-vm-short

test-all: ## everything below that checks, as CI runs it
	@MAKE="$(MAKE)" .ci/steps deps build lint shellcheck golangci vuln unit fuzz generate-check policies kyverno image render demo syscalls-check conformance-host conformance-race conformance-programs nri bench-smoke conformance-vm conformance-vm-v1 conformance-programs-vm

deps: ## install what the tests need (root on Debian), or say what is missing
	@conformance/install.sh

lint-daemon: MODULES := ./
lint lint-daemon: ## gofmt, go vet and staticcheck on every module, or on the daemon's
	@unformatted=$$(gofmt -l $(MODULES)); [ -z "$$unformatted" ] || { echo "not gofmt'ed:" $$unformatted; exit 1; }
	@for module in $(MODULES); do echo "go vet: $$module"; (cd $$module && go vet ./...); done
	@[ -x $(STATICCHECK) ] || GOBIN=$(dir $(STATICCHECK)) go install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION) || \
		{ echo "SKIP: staticcheck $(STATICCHECK_VERSION) cannot be installed"; exit 0; }; \
	for module in $(MODULES); do echo "staticcheck: $$module"; (cd $$module && $(STATICCHECK) ./...); done

# A first build takes minutes.
golangci: ## golangci-lint, as .golangci.yml says, on the daemon's module
	@[ -x $(GOLANGCI) ] || GOBIN=$(dir $(GOLANGCI)) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION) || \
		{ echo "SKIP: golangci-lint $(GOLANGCI_VERSION) cannot be installed"; exit 0; }; \
	$(GOLANGCI) run ./...

shellcheck: ## shellcheck on every shell script
	@command -v shellcheck >/dev/null || { echo "SKIP: shellcheck is not installed"; exit 0; }; \
	git grep -lE '^#!/bin/(ba)?sh' | xargs shellcheck --severity=warning

vuln: ## fail when the daemon calls what VULNDB=https://vuln.go.dev knows to be vulnerable
	@[ -x $(GOVULNCHECK) ] || GOBIN=$(dir $(GOVULNCHECK)) go install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION) || \
		{ echo "SKIP: govulncheck $(GOVULNCHECK_VERSION) cannot be installed"; exit 0; }; \
	.ci/vuln $(GOVULNCHECK) $(VULNDB)

unit: ## go test with the race detector
	@[ -n "$(RACE)" ] || echo "SKIP: race detector: no C compiler"
	$(if $(RACE),CGO_ENABLED=1 )go test -v -count=1 $(RACE) ./...
	$(if $(RACE),go test -v -count=1 -run Garbage ./daemon/internal/pipeline)
	$(if $(RACE),CGO_ENABLED=0 go test -v -count=1 ./daemon/internal/confine)

fuzz: ## each Fuzz function for FUZZTIME=100000x runs, a few seconds
	@.ci/fuzz $(FUZZTIME)

generate: ## write the generated documents and policies
	go run ./daemon/internal/viewdoc -o docs/view.md
	go test -count=1 ./daemon/internal/boot -run TestDocs -update
	cd policies && go run ./cmd/generate

generate-check: ## fail when a generated file is not what generate writes
	@mkdir -p .cache/generated
	go run ./daemon/internal/viewdoc -o .cache/generated/view.md
	diff -u docs/view.md .cache/generated/view.md
	go test -count=1 ./daemon/internal/boot -run TestDocs
	@[ -z "$(QUICK)" ] || [ -e .cache/generated/policies ] || \
		{ echo "SKIP: the policies: Kyverno's types are 1800 packages, minutes to build once; make generate-check does"; exit 0; }; \
	cd policies && go run ./cmd/generate -check && touch ../.cache/generated/policies

SYSCALLVIEW := daemon/internal/syscallview
# What the committed objects were made with; another one makes others.
CLANG_VERSION := $(shell cat $(SYSCALLVIEW)/bpf/CLANG_VERSION)

generate-syscalls: ## compile the BPF programs anew; needs clang and llvm-strip
	cd $(SYSCALLVIEW) && go generate .
	clang -dumpversion >$(SYSCALLVIEW)/bpf/CLANG_VERSION

syscalls-check: ## fail when the BPF objects are not what their source compiles to
	@[ "$$(clang -dumpversion 2>/dev/null)" = "$(CLANG_VERSION)" ] && command -v llvm-strip >/dev/null || \
		{ echo "SKIP: the BPF objects were made with clang $(CLANG_VERSION), which is not here"; exit 0; }; \
	rm -rf .cache/generated/syscallview && mkdir -p .cache/generated && cp -r $(SYSCALLVIEW) .cache/generated/ && \
	cd .cache/generated/syscallview && GOPACKAGE=syscallview go generate gen.go && \
	for file in kernel_*; do cmp $$file $(CURDIR)/$(SYSCALLVIEW)/$$file; done

policies: ## the policies' tests: the API server's own plugin admits the fixtures
	cd policies && go test -v -count=1 ./...

# A first build takes about ten minutes.
kyverno: ## run the Kyverno CLI on the suites below policies/
	@[ -x $(KYVERNO) ] || (cd conformance/kyverno && go build -o $(KYVERNO) github.com/kyverno/kyverno/cmd/cli/kubectl-kyverno) || \
		{ echo "SKIP: the Kyverno CLI $(KYVERNO_VERSION) cannot be built"; exit 0; }; \
	cd conformance/kyverno && KYVERNO=$(KYVERNO) go test -v -count=1 ./...

image: bin/podview-image.tar ## bin/podview-image.tar, the image for amd64 and arm64, and its tests
	cd conformance/image && PODVIEW_IMAGE=$(CURDIR)/bin/podview-image.tar VERSION=$(VERSION) go test -v -count=1 ./...

bin/podview-image.tar:
	@# From the files that the Dockerfile copies, to see that they are enough.
	rm -rf .cache/image && mkdir -p .cache/image bin && cp -r go.mod go.sum daemon .cache/image
	export CGO_ENABLED=0; cd .cache/image; for GOARCH in $(ARCHES); do export GOARCH; \
		go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $$GOARCH/podview ./daemon; \
		go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $$GOARCH/podview-nri ./daemon/podview-nri; done
	cd conformance/image && SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 0) \
		go run . -o ../../bin/podview-image.tar -name $(IMAGE) -version $(VERSION) -license ../../LICENSE \
		$(foreach arch,$(ARCHES),$(arch)=../../.cache/image/$(arch))

render: build ## build every overlay three ways, compare, validate; UPDATE=-update to accept
	@cd conformance/kubectl; [ -x $(KUBECTL) ] || ! go list -deps $(KUBECTL_PACKAGE) >/dev/null || CGO_ENABLED=0 go build -trimpath \
		-ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$(KUBECTL_VERSION)" -o $(KUBECTL) $(KUBECTL_PACKAGE)
	@kubectl=$(KUBECTL); [ -x $$kubectl ] || { kubectl=; echo "SKIP: kubectl $(KUBECTL_VERSION): its modules cannot be downloaded"; }; \
	cd conformance/render && KUBECTL=$$kubectl PODVIEW=$(CURDIR)/bin/podview go test -v -count=1 . $(UPDATE)

# Without what takes a download: kubectl, and the schemas of others.
overlays: build ## build every overlay as kustomize and Flux do, and compare
	cd conformance/render && PODVIEW=$(CURDIR)/bin/podview go test -v -count=1 -skip '^Test(KubectlAgrees|Schemas|SchemasRefuse|ApplicationSet)$$' . $(UPDATE)

demo: build ## show free, top and others in a 128Mi/500m and a 256Mi/1 container
	@sh conformance/demo.sh

# The commit before this one, for TestUpgrade; where it cannot be had, that
# test says so.
bin/podview.earlier:
	@git rev-parse -q --verify HEAD~1 >/dev/null || { echo "no commit before this one in this clone"; exit 0; }; \
	rm -rf .cache/earlier && mkdir -p .cache/earlier && git archive HEAD~1 | tar -x -C .cache/earlier && \
	cd .cache/earlier && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=earlier" -o ../../bin/podview.earlier ./daemon && \
	rm -rf ../earlier

# It asks by system calls; in 32 bits too, which the same kernel answers.
bin/asker:
	@cd conformance && for arch in amd64 386; do CGO_ENABLED=0 GOARCH=$$arch go build -trimpath -ldflags "-s -w" -o ../bin/asker.$$arch ./asker; done

bin/conformance.test: bin/asker
	@cd conformance && CGO_ENABLED=0 go test -c -o ../$@ .

conformance: bin/conformance.test ## run the suite on a mounted tree: make conformance VIEW=/var/lib/lxcfs
	VIEW="$(VIEW)" bin/conformance.test -test.v -test.timeout 10m

# TestRealPrograms needs what conformance-programs fetches, and runs there.
conformance-host: build bin/podview.earlier bin/conformance.test ## run the suite on this machine's kernel
	@[ -w /dev/fuse ] && unshare --mount true || { echo "SKIP: needs root, CAP_SYS_ADMIN and /dev/fuse"; exit 0; }; \
	PODVIEW=$(CURDIR)/bin/podview bin/conformance.test -test.v -test.timeout 20m -test.skip TestRealPrograms

# The parts that run at once, by a daemon that tells of races. A process that
# ends waits a second otherwise, which is longer than readers should.
RACES := $(CURDIR)/.cache/races
RACE_TESTS := ^Test(WorkerIsKilled|WorkerIsToldToEnd|WorkerCanNotStay|HandOver|ConnectionIsEnded|HeldFiles|ManyInnerCgroups|LoadIsTheContainers|ReadsOfOneByte|ContainersNeverMix|ReattachAfterKill|SlowCgroup|CountersSurviveLiveLimits|WorkerIsOutOfDescriptors|HolderIsOutOfDescriptors|PortsAreBounded)$$
conformance-race: bin/conformance.test ## floods, kills and hand-overs by a podview with the race detector
	@[ -n "$(RACE)" ] || { echo "SKIP: race detector: no C compiler"; exit 0; }; \
	[ -w /dev/fuse ] && unshare --mount true || { echo "SKIP: needs root, CAP_SYS_ADMIN and /dev/fuse"; exit 0; }; \
	rm -rf $(RACES) && mkdir -p $(RACES) && CGO_ENABLED=1 go build -race -trimpath -ldflags "-X main.version=race" -o bin/podview.race ./daemon && \
	status=0; GORACE="halt_on_error=0 exitcode=0 atexit_sleep_ms=0 log_path=$(RACES)/report" PODVIEW=$(CURDIR)/bin/podview.race \
		bin/conformance.test -test.v -test.timeout 10m -test.run '$(RACE_TESTS)' || status=1; \
	for report in $(RACES)/report.*; do [ ! -e $$report ] || { echo "$$report:"; cat $$report; status=1; }; done; exit $$status

conformance-vm: build bin/podview.earlier bin/conformance.test ## run the suite in a cgroup-v2-only VM
	@why=$$(conformance/vm/run.sh --check 2>&1 | tail -n 1) || { echo "SKIP: $$why"; exit 0; }; \
	CONFORMANCE_TEST=bin/conformance.test conformance/vm/run.sh --timeout 2100 -- /conformance.test -test.v -test.timeout 30m -test.skip TestRealPrograms

SHORT_TESTS := ^Test(Oracle|HostProcess|Containers|CPU.*|Memory.*|Swap.*|Uptime.*|Pressure.*|Whose.*|Reattach.*|WorkerIsToldToEnd|SuccessorGoesAway|SyscallsLeaveMounted)$$
conformance-vm-short: build bin/conformance.test ## the two minutes of it that tell most
	@why=$$(conformance/vm/run.sh --check 2>&1 | tail -n 1) || { echo "SKIP: $$why"; exit 0; }; \
	CONFORMANCE_TEST=bin/conformance.test conformance/vm/run.sh --timeout 900 -- /conformance.test -test.v -test.timeout 14m -test.run '$(SHORT_TESTS)'

# The files of v1 are tested on this machine; the system calls need a kernel
# that is not locked down.
conformance-vm-v1: build bin/conformance.test ## the tests of system calls in a cgroup-v1-only VM with 4 CPUs
	@why=$$(conformance/vm/run.sh --check 2>&1 | tail -n 1) || { echo "SKIP: $$why"; exit 0; }; \
	CONFORMANCE_TEST=bin/conformance.test conformance/vm/run.sh --cgroup v1 --cpus 4 --timeout 960 -- \
		/conformance.test -test.v -test.timeout 15m -test.run TestSyscall

PROGRAM_TESTS := ^Test(RealPrograms|QuotasAreSpread|ChoiceOfCPUsStays|AffinityIsWhatIsOnLine|SecondNUMANode)$$
conformance-programs: build bin/conformance.test ## real programs that public bug reports name, in containers; VIEW=… as above, none is no view
	@[ -w /dev/fuse ] && unshare --mount true || { echo "SKIP: needs root, CAP_SYS_ADMIN and /dev/fuse"; exit 0; }; \
	PROGRAMS=$$(conformance/programs/fetch.sh) VIEW="$(VIEW)" PODVIEW=$(CURDIR)/bin/podview \
		bin/conformance.test -test.v -test.timeout 10m -test.run '$(PROGRAM_TESTS)'

conformance-programs-vm: build bin/conformance.test ## the same in a cgroup-v2-only VM with 4 CPUs on 2 NUMA nodes
	@why=$$(conformance/vm/run.sh --check 2>&1 | tail -n 1) || { echo "SKIP: $$why"; exit 0; }; \
	conformance/programs/pack.sh $(CURDIR)/.cache/programs-vm && \
	CONFORMANCE_TEST=bin/conformance.test conformance/vm/run.sh --cpus 4 --numa 2 --timeout 900 --add .cache/programs-vm -- \
		/usr/bin/env PROGRAMS=/programs /conformance.test -test.v -test.timeout 14m -test.run '$(PROGRAM_TESTS)'

compare-programs: build bin/conformance.test ## the tables of docs/compared.md: the programs without a view, on lxcfs and on podview
	@conformance/programs/compare.sh
	@conformance/programs/pack.sh $(CURDIR)/.cache/programs-vm lxcfs-7.0.0
	@CONFORMANCE_TEST=bin/conformance.test conformance/vm/run.sh --cpus 4 --numa 2 --timeout 1500 --add .cache/programs-vm -- \
		/usr/bin/env PROGRAMS=/programs CONFORMANCE=/conformance.test bash /programs/compare.sh 7.0.0

nri: build ## run the NRI plugin against containerd's own end of NRI
	cd conformance/nri && PODVIEW=$(CURDIR)/bin/podview go test -v -count=1 .

nri-vm: build ## the same in a cgroup-v2-only VM
	@why=$$(conformance/vm/run.sh --check 2>&1 | tail -n 1) || { echo "SKIP: $$why"; exit 0; }; \
	(cd conformance/nri && CGO_ENABLED=0 go test -c -o ../../bin/nri.test .) && \
	CONFORMANCE_TEST=bin/nri.test conformance/vm/run.sh --timeout 500 -- /conformance.test -test.v -test.timeout 8m

# The first time this builds Kubernetes, containerd and others: ten minutes.
e2e-programs: deps build bin/podview-image.tar
	conformance/e2e/binaries/build.sh >.cache/e2e-bin.path
	@conformance/e2e/binaries/debian.sh >.cache/e2e-debian.path || { : >.cache/e2e-debian.path; \
		echo "SKIP: Debian's containerd, runc and crun cannot be downloaded"; }
	cd conformance/e2e && CGO_ENABLED=0 go build -o ../../bin/e2e-cluster ./cmd/cluster && CGO_ENABLED=0 go test -c -o ../../bin/e2e.test .

e2e: ## podview on a real Kubernetes, in pods: make e2e E2E=v1 FOCUS='TestDemo|TestSurvival/rollout'
	@[ -w /dev/fuse ] && unshare --mount --net --pid --fork true || { echo "SKIP: needs root, CAP_SYS_ADMIN and /dev/fuse"; exit 0; }; \
	$(MAKE) --no-print-directory e2e-programs && cd conformance/e2e && go test -v -count=1 $$(go list ./... | grep -v '/e2e$$') | { grep -vE '^=== |^ *--- PASS|\[no test files\]$$' || true; } && \
	E2E="$(E2E)" POLICY="$(POLICY)" E2E_BIN=$$(cat ../../.cache/e2e-bin.path) E2E_DEBIAN=$$(cat ../../.cache/e2e-debian.path) E2E_DIR=$(E2E_DIR) \
	E2E_LOGS=$(CURDIR)/.cache/e2e-logs PODVIEW_IMAGE=$(CURDIR)/bin/podview-image.tar \
	../../bin/e2e.test -test.v -test.parallel 3 -test.timeout 120m -test.run '$(FOCUS)'

e2e-up: e2e-programs ## the cluster of make e2e, with podview, for playing: bin/e2e-cluster enter .cache/e2e kubectl get pods -A
	bin/e2e-cluster up $$(cat .cache/e2e-bin.path) $(E2E_DIR) bin/podview-image.tar
	bin/e2e-cluster enter $(E2E_DIR) kubectl apply --server-side -k $(CURDIR)/overlays/native-admission

e2e-down: ## removes it
	bin/e2e-cluster down $(E2E_DIR)

soak: build bin/conformance.test ## the fault tests: 1000 kills of the worker, 200 in a flood of reads, 200 hand-overs
	SOAK=1 PODVIEW=$(CURDIR)/bin/podview bin/conformance.test -test.v -test.timeout 60m -test.run 'TestWorkerIsKilled|TestHandOver'

compare-faults: ## the same readers on lxcfs, which is killed and started again
	@command -v lxcfs >/dev/null || apt-get -qq install --no-install-recommends lxcfs </dev/null >/dev/null
	cd conformance && go test -v -count=1 -tags lxcfs -run TestLxcfsIsKilled .

bench-programs: build
	CGO_ENABLED=0 go build -trimpath -o bin/nullserver ./daemon/internal/nullserver
	cd conformance && CGO_ENABLED=0 go build -trimpath -o ../bin/bench ./bench
	@conformance/bench/lxcfs.sh

bench: bench-programs ## podview beside lxcfs, 12 minutes: make bench BENCH="-rounds 3 -docs docs"; bin/bench -h
	@servers=native,null,podview; ! command -v lxcfs >/dev/null || servers=$$servers,lxcfs; \
	bin/bench -servers $$servers -json bin/bench.json $(BENCH)

bench-smoke: bench-programs ## a run of the bench that shows that it works, not how fast anything is
	cd conformance && CGO_ENABLED=0 PODVIEW=$(CURDIR)/bin/podview NULLSERVER=$(CURDIR)/bin/nullserver go test -v -count=1 ./bench/...

bench-docs: bench-programs ## docs/performance.md again, from docs/bench.json and docs/performance-notes.md
	bin/bench -from docs/bench.json -docs docs >/dev/null

clean: ## remove what was built; the downloads in .cache stay
	rm -rf bin .cache/image .cache/generated .cache/test .cache/vm.*

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9 -]+:.*## / { printf "%-24s %s\n", $$1, $$2 }' Makefile
