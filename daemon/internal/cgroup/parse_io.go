package cgroup

import (
	"bytes"
	"math"
)

// ParseIOStat fills devices with v2's io.stat: "8:0 rbytes=1 wbytes=2 …".
// Keys it does not know are skipped: their values need not be numbers.
//
// It reads words, not lines: some kernels print a device that has no figures
// without an end of line ("8:16 8:0 rbytes=1").
func ParseIOStat(text []byte, devices []DeviceIO) ([]DeviceIO, error) {
	devices = devices[:0]
	var d *DeviceIO
	for len(text) > 0 {
		var field []byte
		if i := bytes.IndexAny(text, " \n"); i >= 0 {
			field, text = text[:i], text[i+1:]
		} else {
			field, text = text, nil
		}
		if len(field) == 0 {
			continue
		}
		key, value, pair := bytes.Cut(field, []byte{'='})
		if !pair {
			major, minor, ok := deviceNumber(field)
			if !ok {
				return devices[:0], Malformed(field)
			}
			devices, d = addDevice(devices, major, minor)
			continue
		}
		if d == nil {
			return devices[:0], Malformed(field)
		}
		figure := d.figure(key)
		if figure == nil {
			continue
		}
		n, ok := number(value)
		if !ok {
			return devices[:0], Malformed(field)
		}
		*figure = n
	}
	return devices, nil
}

func (d *DeviceIO) figure(key []byte) *uint64 {
	switch string(key) {
	case "rbytes":
		return &d.ReadBytes
	case "wbytes":
		return &d.WriteBytes
	case "dbytes":
		return &d.DiscardBytes
	case "rios":
		return &d.ReadIOs
	case "wios":
		return &d.WriteIOs
	case "dios":
		return &d.DiscardIOs
	}
	return nil
}

// ParseBlkio reads one of v1's blkio files, "8:0 Read 4096\n…Total 4096\n",
// and merges it into devices: of two figures for the same thing the larger
// stays. bytes tells whether the file counts bytes or requests.
func ParseBlkio(text []byte, isBytes bool, devices []DeviceIO) ([]DeviceIO, error) {
	if len(text) == 0 {
		return devices, Malformed(text)
	}
	for len(text) > 0 {
		line, rest, complete := bytes.Cut(text, newline)
		device, operation := word(line)
		operation, value := word(operation)
		if string(device) == "Total" { // of all devices: one field less
			operation, value = device, operation
		}
		n, ok := number(value)
		major, minor, isDevice := deviceNumber(device)
		if !ok || !complete || !isDevice && string(device) != "Total" {
			return devices, Malformed(line)
		}
		if isDevice {
			var d *DeviceIO
			devices, d = addDevice(devices, major, minor)
			if figure := d.operation(operation, isBytes); figure != nil {
				*figure = max(*figure, n)
			}
		}
		text = rest
	}
	return devices, nil
}

// operation leaves out Sync, Async and Total: they count the others again.
func (d *DeviceIO) operation(name []byte, isBytes bool) *uint64 {
	switch string(name) {
	case "Read":
		if isBytes {
			return &d.ReadBytes
		}
		return &d.ReadIOs
	case "Write":
		if isBytes {
			return &d.WriteBytes
		}
		return &d.WriteIOs
	case "Discard":
		if isBytes {
			return &d.DiscardBytes
		}
		return &d.DiscardIOs
	}
	return nil
}

// addDevice finds or appends the device; the pointer is good until the next
// append.
func addDevice(devices []DeviceIO, major, minor uint32) ([]DeviceIO, *DeviceIO) {
	for i := range devices {
		if d := &devices[i]; d.Major == major && d.Minor == minor {
			return devices, d
		}
	}
	devices = append(devices, DeviceIO{Major: major, Minor: minor})
	return devices, &devices[len(devices)-1]
}

func deviceNumber(text []byte) (major, minor uint32, ok bool) {
	majorText, minorText, _ := bytes.Cut(text, []byte{':'})
	bigMajor, ok1 := number(majorText)
	bigMinor, ok2 := number(minorText)
	if !ok1 || !ok2 || bigMajor > math.MaxUint32 || bigMinor > math.MaxUint32 {
		return 0, 0, false
	}
	return uint32(bigMajor), uint32(bigMinor), true
}
