package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	_ "crypto/sha256" // for go-digest, which uses it without importing it
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// source is what an image is made from.
type source struct {
	Name    string // REPOSITORY:TAG
	Version string
	License []byte
	Created time.Time
	// Binaries has one entry per platform, in the order of the index.
	Binaries []binaryOf
}

type binaryOf struct {
	Arch    string // as GOARCH has it
	Content []byte
}

// layout collects the files of an OCI image layout.
type layout struct{ files []file }

type file struct {
	name    string
	content []byte
	mode    int64
}

func (l *layout) blob(mediaType string, content []byte) v1.Descriptor {
	d := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(content), Size: int64(len(content))}
	l.files = append(l.files, file{name: "blobs/sha256/" + d.Digest.Encoded(), content: content, mode: 0o644})
	return d
}

func (l *layout) json(mediaType string, value any) (v1.Descriptor, error) {
	content, err := json.Marshal(value)
	return l.blob(mediaType, content), err
}

// write writes the archive, and returns the digest of the image index, which
// names the image for all platforms.
func write(w io.Writer, in source) (digest.Digest, error) {
	repository, tag, ok := cutTag(in.Name)
	if !ok {
		return "", fmt.Errorf("-name=%q has no tag", in.Name)
	}
	var l layout
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex}
	for _, b := range in.Binaries {
		manifest, err := l.manifest(in, b)
		if err != nil {
			return "", err
		}
		index.Manifests = append(index.Manifests, manifest)
	}
	top, err := l.json(v1.MediaTypeImageIndex, index)
	if err != nil {
		return "", err
	}
	digest := top.Digest
	// containerd imports under the first name, docker and skopeo by the second.
	top.Annotations = map[string]string{
		"io.containerd.image.name": repository + ":" + tag,
		v1.AnnotationRefName:       tag,
	}
	entry, err := json.Marshal(v1.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex,
		Manifests: []v1.Descriptor{top},
	})
	if err != nil {
		return "", err
	}
	marker, err := json.Marshal(v1.ImageLayout{Version: v1.ImageLayoutVersion})
	if err != nil {
		return "", err
	}
	l.files = append(l.files,
		file{name: v1.ImageLayoutFile, content: marker, mode: 0o644},
		file{name: v1.ImageIndexFile, content: entry, mode: 0o644})
	return digest, writeTar(w, l.files, in.Created)
}

// manifest adds one platform's layer, configuration and manifest.
func (l *layout) manifest(in source, b binaryOf) (v1.Descriptor, error) {
	var layer, packed bytes.Buffer
	err := writeTar(&layer, []file{
		{name: "LICENSE", content: in.License, mode: 0o644},
		{name: "podview", content: b.Content, mode: 0o755},
	}, in.Created)
	if err != nil {
		return v1.Descriptor{}, err
	}
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return v1.Descriptor{}, err
	}
	if _, err := z.Write(layer.Bytes()); err != nil {
		return v1.Descriptor{}, err
	}
	if err := z.Close(); err != nil {
		return v1.Descriptor{}, err
	}
	platform := v1.Platform{OS: "linux", Architecture: b.Arch}
	config, err := l.json(v1.MediaTypeImageConfig, v1.Image{
		Created: &in.Created, Platform: platform,
		Config: v1.ImageConfig{Entrypoint: []string{"/podview"}, Labels: labels(in.Version)},
		RootFS: v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromBytes(layer.Bytes())}},
	})
	if err != nil {
		return v1.Descriptor{}, err
	}
	d, err := l.json(v1.MediaTypeImageManifest, v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest,
		Config: config,
		Layers: []v1.Descriptor{l.blob(v1.MediaTypeImageLayerGzip, packed.Bytes())},
	})
	d.Platform = &platform
	return d, err
}

// labels are the Dockerfile's; a test compares them.
func labels(version string) map[string]string {
	return map[string]string{
		v1.AnnotationTitle:       "podview",
		v1.AnnotationDescription: "Shows every container the CPUs, memory, swap and disk it was given",
		v1.AnnotationSource:      "https://github.com/podview/podview",
		v1.AnnotationLicenses:    "Apache-2.0",
		v1.AnnotationVersion:     version,
	}
}

// writeTar writes files of root, all with the same time.
func writeTar(w io.Writer, files []file, modified time.Time) error {
	t := tar.NewWriter(w)
	for _, f := range files {
		h := tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.content)), Mode: f.mode, ModTime: modified, Format: tar.FormatUSTAR}
		if err := t.WriteHeader(&h); err != nil {
			return err
		}
		if _, err := t.Write(f.content); err != nil {
			return err
		}
	}
	return t.Close()
}

// cutTag leaves the port of a registry alone.
func cutTag(name string) (repository, tag string, ok bool) {
	i := strings.LastIndexByte(name, ':')
	if i < 0 || i == len(name)-1 || strings.Contains(name[i:], "/") {
		return "", "", false
	}
	return name[:i], name[i+1:], true
}
