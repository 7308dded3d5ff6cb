// Package quantity reads amounts as Kubernetes writes them in resource
// limits: "128Mi", "1G", "1.5", "500m", "1e3".
//
// The grammar and the rounding are those of Quantity in
// k8s.io/apimachinery/pkg/api/resource; what a limit cannot be (a negative
// number, more than an int64) is an error here instead of a special value.
package quantity

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// Bytes is text as whole bytes. A fraction of a byte rounds up, as
// Quantity.Value does. Errors quote text.
func Bytes(text string) (int64, error) { return parse(text, 1) }

// Milli is text in thousandths: "500m" and "0.5" are 500. A smaller fraction
// rounds up, as Quantity.MilliValue does. Errors quote text.
func Milli(text string) (int64, error) { return parse(text, 1000) }

// maxDigits and maxExponent are far beyond any int64, and keep the
// arithmetic small whatever the text is.
const (
	maxDigits   = 64
	maxExponent = 64
)

var errTooLarge = errors.New("too large")

// parse is ceil(text · perUnit).
func parse(text string, perUnit int64) (int64, error) {
	n, err := exact(text)
	if err != nil {
		return 0, fmt.Errorf("quantity %q: %w", text, err)
	}
	n.Mul(n, new(big.Rat).SetInt64(perUnit))
	quotient, rest := new(big.Int).QuoRem(n.Num(), n.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		quotient.Add(quotient, big.NewInt(1))
	}
	if !quotient.IsInt64() {
		return 0, fmt.Errorf("quantity %q: %w", text, errTooLarge)
	}
	return quotient.Int64(), nil
}

// exact is the number that text stands for.
func exact(text string) (*big.Rat, error) {
	if strings.HasPrefix(text, "-") {
		return nil, errors.New("negative")
	}
	unsigned := strings.TrimPrefix(text, "+")
	end := strings.IndexFunc(unsigned, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(unsigned)
	}
	whole, fraction, _ := strings.Cut(unsigned[:end], ".")
	switch digits := whole + fraction; {
	case digits == "":
		return nil, errors.New("no number")
	case strings.Contains(fraction, "."):
		return nil, errors.New("more than one decimal point")
	case len(digits) > maxDigits:
		return nil, fmt.Errorf("more than %d digits", maxDigits)
	}
	base, exponent, err := suffix(unsigned[end:])
	if err != nil {
		return nil, err
	}
	n, ok := new(big.Rat).SetString(whole + fraction)
	if !ok {
		return nil, errors.New("no number")
	}
	n.Mul(n, power(10, -len(fraction)))
	return n.Mul(n, power(base, exponent)), nil
}

// suffix is what text multiplies a number by, as base**exponent.
func suffix(text string) (base int64, exponent int, err error) {
	switch text {
	case "":
		return 10, 0, nil
	case "Ki", "Mi", "Gi", "Ti", "Pi", "Ei":
		return 2, 10 * (1 + strings.IndexByte("KMGTPE", text[0])), nil
	case "n", "u", "m":
		return 10, 3*strings.IndexByte("num", text[0]) - 9, nil
	case "k", "M", "G", "T", "P", "E":
		return 10, 3 * (1 + strings.IndexByte("kMGTPE", text[0])), nil
	}
	if text[0] != 'e' && text[0] != 'E' {
		return 0, 0, fmt.Errorf("unknown suffix %q (known: n u m k M G T P E Ki Mi Gi Ti Pi Ei)", text)
	}
	exponent, err = strconv.Atoi(text[1:])
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && exponent > maxExponent, exponent < -maxExponent:
		return 0, 0, fmt.Errorf("exponent %q is beyond ±%d", text[1:], maxExponent)
	case err != nil:
		return 0, 0, fmt.Errorf("%q is not a decimal exponent", text)
	}
	return 10, exponent, nil
}

func power(base int64, exponent int) *big.Rat {
	magnitude := exponent
	if exponent < 0 {
		magnitude = -exponent
	}
	n := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(base), big.NewInt(int64(magnitude)), nil))
	if exponent < 0 {
		n.Inv(n)
	}
	return n
}
