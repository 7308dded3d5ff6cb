// The tests on a real cluster, which they drive by kubectl. What the cluster
// is made of has modules of its own, in binaries.
module github.com/podview/podview/conformance/e2e

go 1.26.0

require (
	github.com/opencontainers/image-spec v1.1.1
	github.com/podview/podview/conformance/image v0.0.0
	sigs.k8s.io/yaml v1.6.0
)

require (
	github.com/opencontainers/go-digest v1.0.0 // indirect
	go.yaml.in/yaml/v2 v2.4.2 // indirect
)

replace github.com/podview/podview/conformance/image => ../image
