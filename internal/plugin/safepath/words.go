package safepath

import "strings"

// maxLetters is how many letters of options may stand in a word before the value of the last.
const maxLetters = 3

// Forms are what a word of a command line may name: itself, what follows "=", and what follows the letters of options.
func Forms(word string) []string {
	forms := []string{word}
	if _, value, ok := strings.Cut(word, "="); ok {
		forms = append(forms, value)
	}
	if !strings.HasPrefix(word, "-") || strings.HasPrefix(word, "--") {
		return forms
	}
	for i := 1; i <= maxLetters && i+1 < len(word) && isLetter(word[i]); i++ {
		forms = append(forms, word[i+1:])
	}
	return forms
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
