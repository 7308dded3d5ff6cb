// Package oci writes archives of OCI image layouts. The same input gives the
// same bytes.
package oci

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

// Image is what an image is made from.
type Image struct {
	Name    string // REPOSITORY:TAG
	Created time.Time
	// Platforms are in the order of the index.
	Platforms []Platform
}

// Platform is the image for Linux on one architecture: one layer.
type Platform struct {
	Arch   string // as GOARCH has it
	Files  []File
	Config v1.ImageConfig
}

// File is a file, or a symbolic link if Link is not empty.
type File struct {
	Name    string // without a leading slash
	Content []byte
	Mode    int64
	Link    string
}

// layout collects the files of an OCI image layout.
type layout struct{ files []File }

func (l *layout) blob(mediaType string, content []byte) v1.Descriptor {
	d := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(content), Size: int64(len(content))}
	l.files = append(l.files, File{Name: "blobs/sha256/" + d.Digest.Encoded(), Content: content, Mode: 0o644})
	return d
}

func (l *layout) json(mediaType string, value any) (v1.Descriptor, error) {
	content, err := json.Marshal(value)
	return l.blob(mediaType, content), err
}

// Write writes the archive, and returns the digest of the image index, which
// names the image for all platforms.
func Write(w io.Writer, in Image) (digest.Digest, error) {
	repository, tag, ok := cutTag(in.Name)
	if !ok {
		return "", fmt.Errorf("image name %q has no tag", in.Name)
	}
	var l layout
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex}
	for _, p := range in.Platforms {
		manifest, err := l.manifest(in.Created, p)
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
		File{Name: v1.ImageLayoutFile, Content: marker, Mode: 0o644},
		File{Name: v1.ImageIndexFile, Content: entry, Mode: 0o644})
	return digest, writeTar(w, l.files, in.Created)
}

// manifest adds one platform's layer, configuration and manifest.
func (l *layout) manifest(created time.Time, p Platform) (v1.Descriptor, error) {
	var layer, packed bytes.Buffer
	if err := writeTar(&layer, p.Files, created); err != nil {
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
	platform := v1.Platform{OS: "linux", Architecture: p.Arch}
	config, err := l.json(v1.MediaTypeImageConfig, v1.Image{
		Created: &created, Platform: platform,
		Config: p.Config,
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

// writeTar writes files of root, all with the same time.
func writeTar(w io.Writer, files []File, modified time.Time) error {
	t := tar.NewWriter(w)
	for _, f := range files {
		h := tar.Header{Typeflag: tar.TypeReg, Name: f.Name, Size: int64(len(f.Content)), Mode: f.Mode, ModTime: modified, Format: tar.FormatUSTAR}
		if f.Link != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, f.Link
		}
		if err := t.WriteHeader(&h); err != nil {
			return err
		}
		if _, err := t.Write(f.Content); err != nil {
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
