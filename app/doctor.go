package app

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"chatalot/app/config"
	"chatalot/app/doctor"
)

// doctor examines a place, running or not, and prints what was found. The settings need not be usable: that is a finding too.
func (p Program) doctor(ctx context.Context, args []string) error {
	asJSON := false
	file, set, err := parse(args, func(flags *flag.FlagSet) {
		flags.BoolVar(&asJSON, "json", false, "")
		flags.Bool("insecure-perms", false, "") // whether others may use the keys is a finding in any case
	})
	if err != nil {
		return err
	}
	c, fault := config.Load(file, set)
	if fault != nil {
		c = usable(c, set)
	}
	up := doctor.Examine(ctx, doctor.Subject{Config: c, Settings: file, Fault: fault, Version: p.Version, Built: p.built(), Now: time.Now, Machine: doctor.ThisMachine()})
	if ctx.Err() != nil {
		return fmt.Errorf("the examination was cut short: %w", ctx.Err())
	}
	if asJSON {
		text, err := json.MarshalIndent(up, "", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.Out, "%s\n", text)
		return cmp.Or(err, grade(doctor.Status(up)))
	}
	lines := make([]line, len(up.Findings))
	for i, f := range up.Findings {
		lines[i] = line{string(f.Grade), f.ID, f.Title, f.Evidence, f.Why, f.Fix}
	}
	return cmp.Or(table(p.Out, lines), grade(doctor.Status(up)))
}

// usable makes of settings that are not in order what is needed to find the place all the same.
func usable(c config.Config, set map[string]string) config.Config {
	d := config.Default()
	c.Data = cmp.Or(set["data"], c.Data, d.Data)
	c.Listen = cmp.Or(set["listen"], c.Listen, d.Listen)
	c.Registration = cmp.Or(c.Registration, d.Registration)
	return c
}

// grade is the exit status as an error; nil for 0.
func grade(status int) error {
	if status == 0 {
		return nil
	}
	return examined(status)
}

// line is a finding as it is printed.
type line struct{ grade, id, title, evidence, why, fix string }

const pageWidth = 100 // columns

// table prints every finding in a row, and then for each that does not pass why it matters and what to do.
func table(to io.Writer, lines []line) error {
	var text strings.Builder
	widest, count := 0, map[string]int{}
	for _, l := range lines {
		widest = max(widest, utf8.RuneCountInString(l.title))
		count[l.grade]++
	}
	for _, l := range lines {
		head := fmt.Sprintf("%-4s  %-3s  %-*s  ", l.grade, l.id, widest, l.title)
		wrap(&text, head, strings.Repeat(" ", len(head)), l.evidence)
	}
	told := map[string]string{} // a fix to the check it was told for: a stopped place needs the same one for many
	for _, l := range lines {
		if l.fix == "" {
			continue
		}
		todo := l.fix
		if id, ok := told[l.fix]; ok {
			todo = "as for " + id
		} else {
			told[l.fix] = l.id
		}
		fmt.Fprintf(&text, "\n%s  %s (%s)\n", l.id, l.title, l.grade)
		wrap(&text, "  Why:   ", "         ", l.why)
		wrap(&text, "  To do: ", "         ", todo)
	}
	fmt.Fprintf(&text, "\n%d pass, %d warn, %d fail\n", count["pass"], count["warn"], count["fail"])
	_, err := io.WriteString(to, text.String())
	return err
}

// wrap writes words behind head, and below it behind indent, so that no line is longer than the page unless a word is.
func wrap(to *strings.Builder, head, indent, words string) {
	column := 0
	for i, word := range strings.Fields(words) {
		switch n := utf8.RuneCountInString(word); {
		case i == 0:
			to.WriteString(head)
			column = utf8.RuneCountInString(head) + n
		case column+1+n > pageWidth:
			to.WriteString("\n" + indent)
			column = len(indent) + n
		default:
			to.WriteString(" ")
			column += 1 + n
		}
		to.WriteString(word)
	}
	to.WriteString("\n")
}
