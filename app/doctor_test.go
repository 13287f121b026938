package app

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// checkup is the JSON that chatalot doctor prints.
type checkup struct {
	At       int64
	Version  string
	Grade    string
	Findings []struct{ ID, Title, Grade, Evidence, Why, Fix string }
}

func examineJSON(t *testing.T, args ...string) (int, checkup) {
	t.Helper()
	status, out, errs := run(t, append([]string{"doctor", "--json"}, args...)...)
	var up checkup
	decoder := json.NewDecoder(strings.NewReader(out))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&up); err != nil || errs != "" {
		t.Fatalf("status %d, %v: %q %q", status, err, out, errs)
	}
	return status, up
}

func (up checkup) of(id string) (grade, evidence string) {
	for _, f := range up.Findings {
		if f.ID == id {
			return f.Grade, f.Evidence
		}
	}
	return "", ""
}

func TestDoctorExaminesARunningAndAStoppedPlace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "place")
	_, errs, stop := startPlace(t, dir)
	status, up := examineJSON(t, "--data", dir, "--listen", "127.0.0.1:0")
	if up.Version != "1.2.3" || up.At == 0 || len(up.Findings) < 20 || map[string]int{"pass": 0, "warn": 1, "fail": 2}[up.Grade] != status {
		t.Errorf("status %d: %+v", status, up)
	}
	for _, id := range []string{"D1", "D2", "D3", "D4", "D5", "D8", "D16", "D17"} {
		if grade, evidence := up.of(id); grade != "pass" {
			t.Errorf("%s %s: %s", id, grade, evidence)
		}
	}
	if stop() != 0 {
		t.Errorf("the place did not stop cleanly afterwards: %s", errs)
	}
	if status, up = examineJSON(t, "--data", dir); status != 1 || up.Grade != "warn" {
		t.Errorf("stopped: status %d, %s", status, up.Grade)
	}
	check(t, os.Chmod(filepath.Join(dir, "secrets/jwt_private.pem"), 0o644))
	status, up = examineJSON(t, "--data", dir)
	if grade, evidence := up.of("D3"); status != 2 || grade != "fail" || !strings.Contains(evidence, "0644") {
		t.Errorf("readable key: status %d, %s %s", status, grade, evidence)
	}
}

func TestDoctorSaysWhatIsWrongWithSettingsThatDoNotWork(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "place")
	_, _, stop := startPlace(t, dir)
	stop()
	file := filepath.Join(t.TempDir(), "place.toml")
	check(t, os.WriteFile(file, []byte("colour = 1\n"), 0o600))
	status, up := examineJSON(t, "--data", dir, "--config", file)
	if grade, evidence := up.of("D4"); status != 2 || grade != "fail" || !strings.Contains(evidence, "line 1: colour") {
		t.Errorf("status %d, %s %s", status, grade, evidence)
	}
	if grade, _ := up.of("D5"); grade != "pass" {
		t.Errorf("the database was not found: %s", grade)
	}
	check(t, os.WriteFile(file, nil, 0o644))
	check(t, os.Chmod(file, 0o644))
	status, up = examineJSON(t, "--data", dir, "--config", file)
	if grade, evidence := up.of("D4"); status != 2 || grade != "fail" || !strings.Contains(evidence, "0644") {
		t.Errorf("readable settings: status %d, %s %s", status, grade, evidence)
	}
}

func TestDoctorPrintsATable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	status, out, errs := run(t, "doctor", "--data", dir)
	if status != 1 || errs != "" {
		t.Fatalf("status %d: %s", status, errs)
	}
	for i := 1; i <= 25; i++ {
		if !strings.Contains(out, "  D"+strconv.Itoa(i)+" ") {
			t.Errorf("D%d is not in the table", i)
		}
	}
	for _, want := range []string{"warn  D5   Database file", "  Why:   ", "  To do: Start the place once (chatalot serve --data " + dir + ")", " warn, 0 fail\n"} {
		if !strings.Contains(out, want) && !strings.Contains(strings.Join(strings.Fields(out), " "), strings.TrimSpace(want)) { // a long path is wrapped
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Error("looking made the directory")
	}
}

func TestWordsAreWrappedAtThePage(t *testing.T) {
	var text strings.Builder
	wrap(&text, "head  ", "      ", strings.Repeat("word ", 40)+strings.Repeat("x", 120))
	for line := range strings.Lines(text.String()) {
		if len(line) > pageWidth+1 && !strings.Contains(line, "xxx") || strings.HasSuffix(line, " \n") || !strings.HasPrefix(line, "head  word") && !strings.HasPrefix(line, "      ") {
			t.Errorf("%q", line)
		}
	}
}

func TestFirewallRulesFitTheSettings(t *testing.T) {
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "place.toml")
		check(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	for _, c := range []struct {
		name, settings string
		ports, nft     string
		closed         []string
	}{
		{"at home", "", "22", "{ 22 }", []string{"80", "443", "8080"}},
		{"behind a proxy", "public_url = \"https://chat.example.org\"\n", "22 80 443", "{ 22, 80, 443 }", []string{"8080"}},
		{"open direct port", "public_url = \"https://chat.example.org\"\nlisten = \"0.0.0.0:9000\"\n", "22 80 443", "{ 22, 80, 443 }", []string{"9000"}},
		{"another port", "public_url = \"https://chat.example.org:8443\"\n", "22 8443", "{ 22, 8443 }", []string{"80", "443", "8080"}},
	} {
		status, out, errs := run(t, "firewall", "--config", file(c.settings))
		if status != 0 || errs != "" || !strings.Contains(out, "tcp dport "+c.nft+" accept") || !strings.Contains(out, "policy drop") || !strings.Contains(out, "sudo ufw enable") {
			t.Errorf("%s: status %d: %s%s", c.name, status, out, errs)
		}
		for port := range strings.FieldsSeq(c.ports) {
			if !strings.Contains(out, "sudo ufw allow "+port+"/tcp ") {
				t.Errorf("%s: %s is not let in", c.name, port)
			}
		}
		for _, port := range c.closed {
			if strings.Contains(out, "allow "+port+"/") {
				t.Errorf("%s: %s is let in", c.name, port)
			}
		}
	}
}
