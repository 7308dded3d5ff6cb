// Package component lists the generated files: one kustomize component per
// back end and variant.
package component

import (
	"bytes"
	"fmt"

	"github.com/podview/podview/policies/clusterpolicy"
	"github.com/podview/podview/policies/injection"
	"github.com/podview/podview/policies/manifest"
	"github.com/podview/podview/policies/mutatingpolicy"
	"github.com/podview/podview/policies/native"
	"k8s.io/apimachinery/pkg/runtime"
)

const notice = "# Written by `make generate` from policies/. Do not edit.\n"

type render func(injection.Variant, injection.Rules) []runtime.Object

// backEnd is one kind of policy.
type backEnd struct {
	component string
	// about is what the kustomization says of it.
	about  string
	inject render
	labels func(injection.Labels, injection.Rules) []runtime.Object
	// The audits are nil where the back end cannot scan running pods.
	audit       render
	auditLabels func(injection.Rules) []runtime.Object
	// why says who is left alone, for volumes or for labels.
	why func(r injection.Rules, volumes bool) []runtime.Object
}

var backEnds = []backEnd{
	{"policy-kyverno", "ClusterPolicy: Kyverno 1.13 to 1.19.", clusterpolicy.Objects, clusterpolicy.Labels, clusterpolicy.Audit, clusterpolicy.AuditLabels, clusterpolicy.Why},
	{"policy-mutatingpolicy", "MutatingPolicy: Kyverno 1.17 and later.", mutatingpolicy.Objects, mutatingpolicy.Labels, mutatingpolicy.Audit, mutatingpolicy.AuditLabels, mutatingpolicy.Why},
	{"policy-native", "MutatingAdmissionPolicy: Kubernetes 1.36 and later, without Kyverno.", native.Objects, native.Labels, nil, nil, native.Why},
}

// Dir is where the components are.
const Dir = "kustomize/components"

// Files are the components. The optional and the pressure variant have no
// audit: a pod without those mounts still has the view.
func Files(rules injection.Rules) ([]manifest.File, error) {
	var files []manifest.File
	all, optional, pressure := injection.Everywhere(), injection.Optional(), injection.Pressure()
	for _, b := range backEnds {
		resources := map[string][]runtime.Object{"inject.yaml": b.inject(all, rules)}
		if b.audit != nil {
			resources["audit.yaml"] = b.audit(all, rules)
		}
		made, err := component(b.component, b.about, resources)
		if err != nil {
			return nil, err
		}
		files = append(files, made...)
		made, err = component(b.component+optional.Suffix,
			b.about+"\n# Adds swaps, slabinfo and /sys/devices/system/node. On a kernel that lacks one, such as\n# Docker Desktop's, which has no NUMA, the pods would never start.",
			map[string][]runtime.Object{"inject.yaml": b.inject(optional, rules)})
		if err != nil {
			return nil, err
		}
		files = append(files, made...)
		made, err = component(b.component+pressure.Suffix,
			b.about+"\n# Adds /proc/pressure to pods of the RuntimeClass "+injection.CrunClass+". runc refuses such a mount, and the pod fails.",
			map[string][]runtime.Object{"inject.yaml": b.inject(pressure, rules.OnlyCrun())})
		if err != nil {
			return nil, err
		}
		files = append(files, made...)
		for _, volumes := range []bool{true, false} {
			made, err := why(b, volumes, rules)
			if err != nil {
				return nil, err
			}
			files = append(files, made...)
		}
		for _, l := range []injection.Labels{injection.LabelsAll(), injection.LabelsRest()} {
			made, err := labels(b, l, rules)
			if err != nil {
				return nil, err
			}
			files = append(files, made...)
		}
	}
	return files, nil
}

// labels are the components for the NRI plugin. That of the rest has no
// audit, whose name the one that it goes together with has.
func labels(b backEnd, l injection.Labels, rules injection.Rules) ([]manifest.File, error) {
	about := b.about + "\n# Labels pods, for component nri. Not together with " + b.component + ": its policies have the same names."
	resources := map[string][]runtime.Object{"inject.yaml": b.labels(l, rules)}
	switch {
	case l.Rest:
		about = b.about + "\n# Labels the pods that " + b.component + " leaves alone, for component nri."
	case b.auditLabels != nil:
		resources["audit.yaml"] = b.auditLabels(rules)
	}
	return component(b.component+l.Suffix, about, resources)
}

// why goes together with any component of the back end that opts pods in.
func why(b backEnd, volumes bool, rules injection.Rules) ([]manifest.File, error) {
	name, with := b.component+"-why", b.component
	if !volumes {
		name, with = b.component+"-label-why", b.component+"-label or "+b.component+"-label-rest"
	}
	about := b.about + "\n# Says why a pod that asks for the view is left alone; beside " + with + "."
	if b.audit == nil { // of another kind than the rest
		about = "ValidatingAdmissionPolicy: Kubernetes 1.30 and later, with any back end.\n# Warns whoever labels what is left alone; beside policies " +
			map[bool]string{true: "with volumes.", false: "of labels, for component nri."}[volumes]
	}
	return component(name, about, map[string][]runtime.Object{"why.yaml": b.why(rules, volumes)})
}

func component(name, about string, resources map[string][]runtime.Object) ([]manifest.File, error) {
	var kustomization bytes.Buffer
	fmt.Fprintf(&kustomization, "%s# %s\napiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources:\n", notice, about)
	var files []manifest.File
	for _, file := range []string{"audit.yaml", "inject.yaml", "why.yaml"} {
		if resources[file] == nil {
			continue
		}
		documents, err := manifest.Documents(resources[file])
		if err != nil {
			return nil, fmt.Errorf("%s/%s: %w", name, file, err)
		}
		files = append(files, manifest.File{Path: Dir + "/" + name + "/" + file, Content: append([]byte(notice), documents...)})
		fmt.Fprintf(&kustomization, "  - %s\n", file)
	}
	return append(files, manifest.File{Path: Dir + "/" + name + "/kustomization.yaml", Content: kustomization.Bytes()}), nil
}
