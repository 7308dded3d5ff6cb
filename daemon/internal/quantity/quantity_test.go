package quantity

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"
)

func TestBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"0":             0,
		"2":             2,
		"+2":            2,
		"007":           7,
		"128Mi":         128 << 20,
		"1Ki":           1 << 10,
		"1Gi":           1 << 30,
		"1Ti":           1 << 40,
		"1Pi":           1 << 50,
		"7Ei":           7 << 60,
		"1k":            1e3,
		"1M":            1e6,
		"1G":            1e9,
		"1T":            1e12,
		"1P":            1e15,
		"9E":            9e18,
		"1e3":           1e3,
		"1E3":           1e3,
		"1e+3":          1e3,
		"5000e-3":       5,
		"0.5Gi":         512 << 20,
		".5Ki":          512,
		"1.":            1,
		"128974848000m": 128974848,
		"3000000u":      3,
		"2000000000n":   2,

		// Rounding is up, and exact: a float64 would lose the last digits.
		"0.5":                   1,
		"1500m":                 2,
		"1n":                    1,
		"1.1Gi":                 1181116007,
		"9007199254740993":      9007199254740993,
		"9223372036854775807":   math.MaxInt64,
		"9223372036854775.807k": math.MaxInt64,
	} {
		if got, err := Bytes(text); err != nil || got != want {
			t.Errorf("Bytes(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestMilli(t *testing.T) {
	for text, want := range map[string]int64{
		"1":     1000,
		"500m":  500,
		"0.5":   500,
		"2":     2000,
		"1.5":   1500,
		"1500m": 1500,
		"0.1":   100,
		"100u":  1,
		"1001u": 2,
		"1k":    1e6,
	} {
		if got, err := Milli(text); err != nil || got != want {
			t.Errorf("Milli(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestErrorsQuoteTheText(t *testing.T) {
	for text, why := range map[string]string{
		"":                       "no number",
		".":                      "no number",
		"Mi":                     "no number",
		"+":                      "no number",
		" 1":                     "no number",
		"++1":                    "no number",
		"1 Mi":                   `unknown suffix " Mi"`,
		"12Q":                    `unknown suffix "Q"`,
		"1K":                     `unknown suffix "K"`,
		"1mi":                    `unknown suffix "mi"`,
		"1MiB":                   `unknown suffix "MiB"`,
		"1Mi\n":                  `unknown suffix "Mi\n"`,
		"0x10":                   `unknown suffix "x10"`,
		"1_000":                  `unknown suffix "_000"`,
		"-1":                     "negative",
		"1.2.3":                  "more than one decimal point",
		"1e":                     "not a decimal exponent",
		"1e1.5":                  "not a decimal exponent",
		"1e65":                   "beyond",
		"1e-65":                  "beyond",
		"1e99999999999999999999": "beyond",
		"8Ei":                    "too large",
		"9223372036854775808":    "too large",
		"9223372036854775806.5k": "too large",
		strings.Repeat("1", 65):  "more than 64 digits",
	} {
		got, err := Bytes(text)
		if err == nil {
			t.Errorf("Bytes(%q) = %d, want an error", text, got)
			continue
		}
		if !strings.Contains(err.Error(), strconv.Quote(text)) || !strings.Contains(err.Error(), why) {
			t.Errorf("Bytes(%q): error is %q; want the text quoted and %q", text, err, why)
		}
	}
	if got, err := Milli("9223372036854775807"); err == nil {
		t.Errorf("Milli of the largest int64 = %d, want an error", got)
	}
}

// FuzzQuantity checks the bounds that define rounding up: with n = Bytes(text)
// n-1 < text <= n, and the same for Milli, against math/big's own parser.
func FuzzQuantity(f *testing.F) {
	for _, seed := range []string{"128Mi", "1G", "500m", "0.5", "2", "1e3", "1.1Gi", "-1", "12Q", "1e-9", "9E", "0Ki", "."} {
		f.Add(seed)
	}
	multiplier := map[string]string{
		"n": "1/1000000000", "u": "1/1000000", "m": "1/1000", "": "1",
		"k": "1000", "M": "1000000", "G": "1000000000", "T": "1000000000000",
		"P": "1000000000000000", "E": "1000000000000000000",
		"Ki": "1024", "Mi": "1048576", "Gi": "1073741824", "Ti": "1099511627776",
		"Pi": "1125899906842624", "Ei": "1152921504606846976",
	}
	f.Fuzz(func(t *testing.T, text string) {
		number := strings.TrimRight(text, "numkKMGTPEi")
		factor, known := new(big.Rat).SetString(multiplier[text[len(number):]])
		want, ok := new(big.Rat).SetString(number)
		check := func(name string, got int64, err error, perUnit int64) {
			if err != nil {
				return
			}
			if !known || !ok {
				t.Fatalf("%s(%q) = %d, but math/big cannot read it", name, text, got)
			}
			exact := new(big.Rat).Mul(new(big.Rat).Mul(want, factor), new(big.Rat).SetInt64(perUnit))
			above := new(big.Rat).SetInt64(got)
			below := new(big.Rat).Sub(above, big.NewRat(1, 1))
			if got < 0 || exact.Cmp(above) > 0 || exact.Cmp(below) <= 0 {
				t.Fatalf("%s(%q) = %d, exactly it is %s", name, text, got, exact.FloatString(12))
			}
		}
		n, err := Bytes(text)
		check("Bytes", n, err, 1)
		n, err = Milli(text)
		check("Milli", n, err, 1000)
	})
}
