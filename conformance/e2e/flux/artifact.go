package flux

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// artifact is what Flux calls an archive of a source's files. The fields are
// those of a source's status.
type artifact struct {
	Path           string `json:"path"` // below the server's root
	URL            string `json:"url"`
	Revision       string `json:"revision"`
	Digest         string `json:"digest"`
	Size           int64  `json:"size"`
	LastUpdateTime string `json:"lastUpdateTime"`
}

// archive writes the regular files below these directories of the tree to a
// gzipped tar file. It returns the file's size and its SHA-256 in hexadecimal.
func archive(file string, tree fs.FS, directories ...string) (size int64, sum string, err error) {
	f, err := os.Create(file)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	hash := sha256.New()
	compressed := gzip.NewWriter(io.MultiWriter(f, hash))
	archive := tar.NewWriter(compressed)
	for _, directory := range directories {
		err := fs.WalkDir(tree, path.Clean(directory), func(name string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			return add(archive, tree, name)
		})
		if err != nil {
			return 0, "", err
		}
	}
	if err := archive.Close(); err != nil {
		return 0, "", err
	}
	if err := compressed.Close(); err != nil {
		return 0, "", err
	}
	size, err = f.Seek(0, io.SeekCurrent)
	return size, hex.EncodeToString(hash.Sum(nil)), err
}

// add leaves owner and times out, so that equal trees are equal archives.
func add(archive *tar.Writer, tree fs.FS, name string) error {
	content, err := fs.ReadFile(tree, name)
	if err != nil {
		return err
	}
	header := &tar.Header{Name: filepath.ToSlash(name), Mode: 0o644, Size: int64(len(content))}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err = archive.Write(content)
	return err
}
