package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/podview/podview/conformance/image/oci"
)

// archived is an image layout as a runtime reads it: from index.json on, every
// digest and size checked.
type archived struct {
	name, tag string
	digest    digest.Digest
	images    map[string]opened // by platform
}

type entry struct {
	oci.File
	modified time.Time
}

type opened struct {
	config      v1.Image
	root        map[string]entry
	packedBytes int64
}

func open(content []byte) (archived, error) {
	var got archived
	files, err := untar(bytes.NewReader(content))
	if err != nil {
		return got, err
	}
	var top, index v1.Index
	if err := json.Unmarshal(files[v1.ImageIndexFile].Content, &top); err != nil {
		return got, fmt.Errorf("%s: %w", v1.ImageIndexFile, err)
	}
	if len(top.Manifests) != 1 || len(files[v1.ImageLayoutFile].Content) == 0 {
		return got, fmt.Errorf("%d entries in %s, %d bytes of %s", len(top.Manifests), v1.ImageIndexFile,
			len(files[v1.ImageLayoutFile].Content), v1.ImageLayoutFile)
	}
	named := top.Manifests[0]
	got.digest = named.Digest
	got.name, got.tag = named.Annotations["io.containerd.image.name"], named.Annotations[v1.AnnotationRefName]
	if err := decode(files, named, &index); err != nil {
		return got, err
	}
	got.images = map[string]opened{}
	for _, d := range index.Manifests {
		image, err := openManifest(files, d)
		if err != nil {
			return got, err
		}
		platform := d.Platform.OS + "/" + d.Platform.Architecture
		if inside := image.config.OS + "/" + image.config.Architecture; inside != platform {
			return got, fmt.Errorf("the image for %s says %s", platform, inside)
		}
		got.images[platform] = image
	}
	return got, nil
}

func openManifest(files map[string]entry, d v1.Descriptor) (opened, error) {
	var image opened
	var manifest v1.Manifest
	if err := decode(files, d, &manifest); err != nil {
		return image, err
	}
	if err := decode(files, manifest.Config, &image.config); err != nil {
		return image, err
	}
	if len(manifest.Layers) != 1 || len(image.config.RootFS.DiffIDs) != 1 {
		return image, fmt.Errorf("%d layers, %d diff ids", len(manifest.Layers), len(image.config.RootFS.DiffIDs))
	}
	packed, err := blobOf(files, manifest.Layers[0])
	if err != nil {
		return image, err
	}
	image.packedBytes = int64(len(packed))
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return image, err
	}
	layer, err := io.ReadAll(z)
	if err != nil {
		return image, err
	}
	if id := image.config.RootFS.DiffIDs[0]; digest.FromBytes(layer) != id {
		return image, fmt.Errorf("the layer is not %s", id)
	}
	image.root, err = untar(bytes.NewReader(layer))
	return image, err
}

func decode(files map[string]entry, d v1.Descriptor, into any) error {
	content, err := blobOf(files, d)
	if err != nil {
		return err
	}
	return json.Unmarshal(content, into)
}

func blobOf(files map[string]entry, d v1.Descriptor) ([]byte, error) {
	content := files["blobs/sha256/"+d.Digest.Encoded()].Content
	if int64(len(content)) != d.Size || digest.FromBytes(content) != d.Digest {
		return nil, fmt.Errorf("%s: %d bytes that are not %s", d.MediaType, len(content), d.Digest)
	}
	return content, nil
}

func untar(r io.Reader) (map[string]entry, error) {
	files := map[string]entry{}
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(t)
		if err != nil {
			return nil, err
		}
		if h.Uid != 0 || h.Gid != 0 || h.Typeflag != tar.TypeReg {
			return nil, fmt.Errorf("%s: owner %d:%d, type %q", h.Name, h.Uid, h.Gid, h.Typeflag)
		}
		files[h.Name] = entry{oci.File{Name: h.Name, Content: content, Mode: h.Mode}, h.ModTime}
	}
}

// interpreted tells whether the binary needs a loader, which the image lacks.
func interpreted(t *testing.T, content []byte, arch string) bool {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[arch]; f.Machine != want {
		t.Errorf("the binary for %s is for %s", arch, f.Machine)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return true
		}
	}
	return false
}
