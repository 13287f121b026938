package vault

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"chatalot/app/e2ee/frozen"
	"chatalot/app/e2ee/identity"
	"chatalot/app/e2ee/prim"
	"chatalot/app/wire/octet"
	"chatalot/app/wire/signed"
)

var user = signed.UserID{7}

// sealed returns an account, its recovery key and its vault of version 3.
func sealed(t testing.TB, name string) (*identity.Account, Code, []byte) {
	t.Helper()
	rand := frozen.Rand(name)
	a, err := identity.NewAccount(rand)
	if err != nil {
		t.Fatal(err)
	}
	code, err := NewCode(rand)
	if err != nil {
		t.Fatal(err)
	}
	v, err := Seal(rand, code, user, 3, a)
	if err != nil {
		t.Fatal(err)
	}
	return a, code, v
}

func TestTheRecoveryKeyOpensTheVault(t *testing.T) {
	a, code, v := sealed(t, "opens")
	got, err := Open(code, user, 3, v)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.MSK, a.MSK) || !bytes.Equal(got.SSK, a.SSK) || got.Backup[0] != a.Backup[0] || len(got.Backup) != 1 {
		t.Error("other keys came out")
	}
	if bytes.Contains(v, a.MSK.Seed()) || bytes.Contains(v, a.SSK.Seed()) || bytes.Contains(v, code[:]) {
		t.Error("a secret lies open in the vault")
	}
}

func TestN13OnlyTheRightKeyUserAndVersionOpenTheVault(t *testing.T) {
	_, code, v := sealed(t, "right")
	other := code
	other[15] ^= 1
	moved := bytes.Clone(v) // another user's vault, passed off as this one's
	moved[2]++
	rolled := bytes.Clone(v)
	rolled[25]++
	for name, c := range map[string]struct {
		code    Code
		user    signed.UserID
		version uint64
		vault   []byte
		want    error
	}{
		"another key":             {other, user, 3, v, ErrWrong},
		"another user":            {code, signed.UserID{8}, 3, v, ErrOther},
		"an older version":        {code, user, 4, v, ErrOther},
		"relabelled for the user": {code, signed.UserID{8}, 3, moved, ErrWrong},
		"relabelled as newer":     {code, user, 4, rolled, ErrWrong},
		"another format":          {code, user, 3, append([]byte{2}, v[1:]...), signed.ErrVersion},
		"another suite":           {code, user, 3, append([]byte{1, 2}, v[2:]...), signed.ErrSuite},
		"longer":                  {code, user, 3, append(bytes.Clone(v), 0), octet.ErrTrailing},
		"nothing":                 {code, user, 3, nil, octet.ErrShort},
	} {
		if a, err := Open(c.code, c.user, c.version, c.vault); err != c.want || a != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestN14NoBitOfAVaultCanBeFlipped(t *testing.T) {
	_, code, v := sealed(t, "flips")
	for bit := range len(v) * 8 {
		bad := bytes.Clone(v)
		bad[bit/8] ^= 1 << (bit % 8)
		if a, err := Open(code, user, 3, bad); err == nil || a != nil {
			t.Fatalf("opened with bit %d flipped", bit)
		}
	}
	for n := range v {
		if _, err := Open(code, user, 3, v[:n]); err == nil {
			t.Fatalf("opened when cut to %d bytes", n)
		}
	}
}

func TestN14StateOfADeviceInAVaultIsDamagedNotTaken(t *testing.T) {
	code := Code{1}
	for name, plaintext := range map[string][]byte{
		"unpadded":       make([]byte, 128),
		"empty":          pad(t, nil),
		"too short":      pad(t, make([]byte, 60)),
		"no backup key":  pad(t, append([]byte{1}, make([]byte, 66)...)),
		"65 backup keys": pad(t, append(append([]byte{1}, make([]byte, 64)...), append([]byte{0, 65}, make([]byte, 65*32)...)...)),
		"a byte more":    pad(t, append(append([]byte{1}, make([]byte, 64)...), append([]byte{0, 1}, make([]byte, 33)...)...)),
	} {
		box := open(code, user, 3)
		header := octet.NewWriter(headerSize).U8(version).U8(prim.Suite).Raw(user[:]).U64(3).Raw(make([]byte, 24)).Raw(box.Commit[:]).Bytes()
		v := octet.NewWriter(0).Raw(header).Var(box.Seal([24]byte{}, plaintext, ad(header))).Bytes()
		if _, err := Open(code, user, 3, v); err != ErrDamaged {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func pad(t *testing.T, b []byte) []byte {
	t.Helper()
	padded, err := prim.Pad(b)
	if err != nil {
		t.Fatal(err)
	}
	return padded
}

func TestVaultsOfEverySizeFitAndHideIt(t *testing.T) {
	a, code, _ := sealed(t, "sizes")
	lengths := map[int]bool{}
	for n := 2; n < 6; n++ { // one bucket
		a.Backup = make([][32]byte, n)
		v, err := Seal(frozen.Rand("some"), code, user, 3, a)
		if lengths[len(v)] = true; err != nil || len(lengths) > 1 {
			t.Errorf("one backup key more shows in the length, %d: %v", len(v), err)
		}
	}
	a.Backup = make([][32]byte, maxBackup)
	full, err := Seal(frozen.Rand("full"), code, user, 3, a)
	if err != nil || len(full) > MaxVault {
		t.Fatal(len(full), err)
	}
	if got, err := Open(code, user, 3, full); err != nil || len(got.Backup) != maxBackup {
		t.Error(err)
	}
	for _, n := range []int{0, maxBackup + 1} {
		a.Backup = make([][32]byte, n)
		if _, err := Seal(frozen.Rand("none"), code, user, 3, a); err != ErrFull {
			t.Errorf("%d backup keys: %v", n, err)
		}
	}
	a.Backup = make([][32]byte, 1)
	if _, err := Seal(iotest.ErrReader(errors.New("broken")), code, user, 3, a); err != prim.ErrRandom {
		t.Error(err)
	}
}

func TestEveryRecoveryKeySurvivesPaper(t *testing.T) {
	rand := frozen.Rand("paper")
	codes := []Code{{}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}
	for range 500 {
		c, _ := NewCode(rand)
		codes = append(codes, c)
	}
	for _, c := range codes {
		text := c.String()
		if len(text) != CodeLetters || strings.Trim(text, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != "" {
			t.Fatalf("%q is no recovery key", text)
		}
		for _, typed := range []string{
			text, strings.ToLower(text), " " + text + "\r\n", strings.Join(strings.Split(text, ""), "-"),
			strings.NewReplacer("0", "O", "1", "I").Replace(text), strings.NewReplacer("0", "o", "1", "l").Replace(text),
			strings.ReplaceAll(text, "1", "L"), strings.ReplaceAll(text, "1", "i"), text[:7] + "\t" + text[7:14] + " - " + text[14:],
		} {
			if got, err := ParseCode(typed); err != nil || got != c {
				t.Fatalf("%q typed as %q: %v", text, typed, err)
			}
		}
	}
}

func TestEveryMistypedLetterAndEverySwapIsNoticed(t *testing.T) {
	rand := frozen.Rand("typos")
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	for range 20 {
		c, _ := NewCode(rand)
		text := []byte(c.String())
		for i := range text {
			was := text[i]
			for _, letter := range []byte(alphabet) {
				if letter == was {
					continue
				}
				text[i] = letter
				if _, err := ParseCode(string(text)); err != ErrCheck {
					t.Fatalf("letter %d wrong in %q: %v", i, text, err)
				}
			}
			text[i] = was
		}
		for i := range valueLetters - 1 {
			if text[i] == text[i+1] {
				continue
			}
			text[i], text[i+1] = text[i+1], text[i]
			if _, err := ParseCode(string(text)); err != ErrCheck {
				t.Fatalf("letters %d and %d swapped in %q: %v", i, i+1, text, err)
			}
			text[i], text[i+1] = text[i+1], text[i]
		}
	}
}

func TestWhatCannotBeARecoveryKeySaysWhy(t *testing.T) {
	good := Code{1, 2, 3}.String()
	for typed, want := range map[string]error{
		"":                             ErrLength,
		" - ":                          ErrLength,
		good[:27]:                      ErrLength,
		good + "0":                     ErrLength,
		"U" + good[1:]:                 ErrLetter,
		"é" + good[1:]:                 ErrLetter,
		"*" + good[1:]:                 ErrLetter,
		good + "?":                     ErrLetter,
		"8" + good[1:]:                 ErrCheck,
		good[:26] + "ZZ":               ErrCheck,
		strings.Repeat(good, 1000):     ErrLength,
		beyond():                       ErrCheck,
		"\x00" + good[1:]:              ErrLetter,
		"ZZZZZZZZZZZZZZZZZZZZZZZZZZZZ": ErrCheck,
	} {
		if _, err := ParseCode(typed); err != want {
			t.Errorf("%.40q: %v, want %v", typed, err, want)
		}
	}
}

// beyond returns 28 letters that check, but spell a number above 128 bits.
func beyond() string {
	values := [valueLetters]uint{8}
	check := remainder(values[:])
	return "8" + strings.Repeat("0", 25) + string([]byte{octet.Base32Letter(check >> 5), octet.Base32Letter(check & 31)})
}

func FuzzParseCode(f *testing.F) {
	f.Add(Code{1}.String())
	f.Add("oOiIlL-- 0011")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCode(s)
		if err != nil {
			return
		}
		if again, err := ParseCode(c.String()); err != nil || again != c {
			t.Fatalf("%q is %q, which is not itself", s, c.String())
		}
	})
}

func FuzzOpen(f *testing.F) {
	_, code, v := sealed(f, "fuzz")
	f.Add(v)
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := Open(code, user, 3, b); (err == nil) != bytes.Equal(b, v) {
			t.Fatal("opened something that was not sealed")
		}
	})
}
