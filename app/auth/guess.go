package auth

import (
	"slices"
	"strings"
	"unicode/utf8"

	"chatalot/app/wire"
)

// fewPieces is how many pieces, each a first guess by itself, a password may consist of and still be tried early. Lists of stolen
// passwords are, from ten characters on, nearly all of this kind: "password123", "qwertyuiop", "iloveyou12", "1234512345".
const fewPieces = 3

// longestGuess is how many characters a run or a word can have; own names are as long as the longest display name.
const longestGuess = wire.MaxName

// runs are the orders in which fingers and minds walk: the alphabet, the digits, rows and columns of keyboards and number pads.
// Any stretch of three or more, forwards or backwards, is one piece.
var runs = []string{
	"abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiopü", "asdfghjklöä", "yxcvbnm",
	"azertyuiop", "qsdfghjklm", "wxcvbn", "1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
	"qazwsxedcrfvtgbyhnujmikolp", "qweasdzxc", "147258369", "1029384756", "13579", "24680", "!@#$%^&*()", "!\"§$%&/()=",
	"йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю",
}

// firstWords are what people reach for when asked for a password: the thing itself, greetings and love, names, animals, sports, heroes.
const firstWords = `
	password passwort passw pass motdepasse contrasena senha wachtwoord secret geheim private secure security login logon signin access account
	user username admin administrator root guest test tester testing demo default change changeme changeit master server system windows linux computer
	internet google facebook youtube instagram whatsapp telegram discord microsoft apple samsung android iphone chatalot chat place home house
	welcome willkommen bienvenue hello hallo hola bonjour salut letmein letme open opensesame please whatever nothing nopassword trustno trust
	love iloveyou loveyou iloveu ilove loveme mylove lover baby babygirl honey darling sweet sweetheart sweety angel princess prince queen king family mother father
	mommy daddy mama papa sister brother friend friends forever always happy lucky sunshine summer winter spring autumn sommer herbst
	monday tuesday wednesday thursday friday saturday sunday january february march april june july august september october november december
	michael michelle jessica jennifer ashley daniel david jordan thomas robert andrew joshua matthew anthony william charlie george hunter
	nicole amanda melissa samantha stephanie elizabeth alexander alexandra andrea sarah hannah laura martin peter maria anna
	dragon monkey tiger lion eagle falcon panther shadow phoenix butterfly dolphin horse puppy kitty cat dog bear wolf flower rose cookie
	chocolate banana cherry orange apple peanut cheese coffee pepper ginger diamond silver gold golden purple yellow blue green black white red
	football fussball soccer baseball basketball hockey tennis golf liverpool arsenal chelsea barcelona realmadrid juventus bayern dallas cowboys yankees
	superman batman spiderman ironman starwars pokemon pikachu naruto matrix minecraft fortnite harley ferrari mustang porsche corvette mercedes
	jesus christ god blessed heaven freedom liberty america london paris berlin money power magic music rock guitar star stars killer
	gandalf merlin cheater zombie ninja samurai soldier police doctor teacher student school qwerty qwertz azerty abc abcd asdf zxcv aaa xxx`

// guessable reports whether the password is made of at most fewPieces first guesses, written in any case, with letters spelled as digits,
// with characters doubled, or as one such part repeated. own are words of the person's own that count as well.
func guessable(password string, own []string) bool {
	words := map[string]bool{}
	for _, w := range strings.Fields(firstWords + " " + strings.ToLower(strings.Join(own, " "))) {
		if utf8.RuneCountInString(w) >= minUsername {
			words[w], words[squeeze(w)] = true, true
		}
	}
	lower := strings.ToLower(password)
	for _, form := range []string{lower, squeeze(lower)} {
		if pieces([]rune(shortestPeriod(form)), words) <= fewPieces {
			return true
		}
	}
	return false
}

// pieces is the smallest number of pieces that s can be cut into.
func pieces(s []rune, words map[string]bool) int {
	least := make([]int, len(s)+1) // least[i] is that of s[:i]
	for i := 1; i <= len(s); i++ {
		least[i] = least[i-1] + 1
		for j := 0; j < i-1; j++ {
			if least[j]+1 < least[i] && onePiece(s[j:i], words) {
				least[i] = least[j] + 1
			}
		}
	}
	return least[len(s)]
}

func onePiece(s []rune, words map[string]bool) bool {
	text := string(s)
	same := strings.Count(text, string(s[0])) == len(s)
	if len(s) > longestGuess {
		return same
	}
	year := len(s) == 4 && (strings.HasPrefix(text, "19") || strings.HasPrefix(text, "20")) // near enough
	return year || same || firstGuess(text, words) || firstGuess(reversed(text), words)
}

// firstGuess reports whether text is a word, or three or more characters of a run.
func firstGuess(text string, words map[string]bool) bool {
	inRun := func(run string) bool { return strings.Contains(run, text) }
	return words[unleet(text)] || utf8.RuneCountInString(text) >= 3 && slices.ContainsFunc(runs, inRun)
}

func reversed(text string) string {
	r := []rune(text)
	slices.Reverse(r)
	return string(r)
}

// unleet undoes the spelling of letters as digits and signs.
func unleet(s string) string { return leet.Replace(s) }

var leet = strings.NewReplacer("0", "o", "1", "i", "!", "i", "3", "e", "4", "a", "@", "a", "5", "s", "$", "s", "7", "t")

// squeeze writes neighbours that are alike once: "1122334455" is "12345".
func squeeze(s string) string {
	var out []rune
	for _, r := range s {
		if len(out) == 0 || out[len(out)-1] != r {
			out = append(out, r)
		}
	}
	return string(out)
}

// shortestPeriod returns the shortest text whose whole repetition, at least twice, is s, or s itself.
func shortestPeriod(s string) string {
	r := []rune(s)
	for n := 1; n <= len(r)/2; n++ {
		if len(r)%n == 0 && strings.Repeat(string(r[:n]), len(r)/n) == s {
			return string(r[:n])
		}
	}
	return s
}
