package injection

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/podview/podview/daemon/label"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

// Label opts a namespace or a pod in (Enabled) or a pod out (Disabled). The
// pod's label wins.
const (
	Label    = label.Key
	Enabled  = label.Enabled
	Disabled = label.Disabled
)

// Unmasked is the procMount of containers that get no mounts: with a file
// mounted over its /proc, the kernel refuses a new procfs to a user namespace
// in the container, which is what procMount is for. UnmaskedLabel, Enabled on
// the pod, insists.
const (
	Unmasked      = "Unmasked"
	UnmaskedLabel = label.UnmaskedKey
)

// Names that Kubernetes gives.
const (
	NamespaceLabel   = "kubernetes.io/metadata.name"
	PodSecurityLabel = "pod-security.kubernetes.io/enforce"
	MirrorAnnotation = "kubernetes.io/config.mirror"
	Windows          = "windows"
)

// How a pod says that it is for Windows nodes: by one of these labels, or by
// tolerating the taint that its nodes usually have.
var (
	OSLabels = []string{"kubernetes.io/os", "beta.kubernetes.io/os"}
	OSTaints = []string{"os", "node.kubernetes.io/os", "kubernetes.io/os"}
)

// Nodes that are none: no daemon runs there, and hostPath is refused. Fargate's
// webhook marks its pods; a pod for a virtual node tolerates its taint.
const (
	FargateLabel     = "eks.amazonaws.com/fargate-profile"
	FargateScheduler = "fargate-scheduler"
	VirtualTaint     = "virtual-kubelet.io/provider"
)

// EvictableVolumes is the pod annotation that names, with commas between and
// no spaces, the hostPath and emptyDir volumes that cluster-autoscaler may
// lose. One that is not named keeps it from removing the pod's node.
const EvictableVolumes = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"

// Rules says which pods are left alone whatever their labels say.
type Rules struct {
	// Namespaces by name. Their pods must start when podview or the policy
	// engine cannot.
	Namespaces []string
	// PodSecurity levels that refuse hostPath volumes. A pod with one would
	// be rejected there, after the mutation. Labels are not refused.
	PodSecurity []string
	// RuntimeClasses whose pods are not left alone. The empty name is a pod
	// without runtimeClassName. Kata and gVisor have a /proc of their own.
	RuntimeClasses []string
}

// CrunClass is the RuntimeClass of that name, whose handler is crun.
const CrunClass = "crun"

//go:embed rules.yaml
var shipped []byte

// DefaultRules are the rules of the shipped policies.
func DefaultRules() Rules {
	r, err := ParseRules(shipped)
	if err != nil {
		panic(err) // a test reads it
	}
	return r
}

// ParseRules reads what users may change: rules.yaml, or a file like it. The
// cluster's own namespaces and podview's are left alone in any case.
func ParseRules(text []byte) (Rules, error) {
	var file struct {
		Namespaces     []string `json:"namespaces"`
		RuntimeClasses []string `json:"runtimeClasses"`
	}
	if err := yaml.UnmarshalStrict(text, &file); err != nil {
		return Rules{}, err
	}
	for _, name := range slices.Concat(file.Namespaces, file.RuntimeClasses) {
		if errs := validation.IsDNS1123Subdomain(name); len(errs) > 0 {
			return Rules{}, fmt.Errorf("%q is no name: %s", name, strings.Join(errs, ", "))
		}
	}
	return Rules{
		Namespaces:     append([]string{"kube-system", "kube-public", "kube-node-lease", "podview-system"}, file.Namespaces...),
		PodSecurity:    []string{"baseline", "restricted"},
		RuntimeClasses: append([]string{""}, file.RuntimeClasses...),
	}, nil
}

// OnlyCrun are the rules for crun's pods only: which runtime a pod without
// runtimeClassName gets is the node's to say, and runc would not start it.
func (r Rules) OnlyCrun() Rules {
	r.RuntimeClasses = []string{CrunClass}
	return r
}
