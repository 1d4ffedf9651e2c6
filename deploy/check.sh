#!/usr/bin/env bash
# Checks everything under deploy/ offline: rules, their tests, runbooks, dashboards, manifests, unit.
#
#   deploy/check.sh [rules|names|dashboards|kubernetes|systemd]...      all of them by default
#
# Needs promtool (Debian: prometheus), jq, kubectl or kustomize, kubernetes-validate (PyPI) and
# systemd-analyze. One that is missing is a failure, not a pass. With OBSERVER=PATH the arguments in
# manifests and unit are held against that binary's --help.
set -euo pipefail
[ -z "${OBSERVER-}" ] || OBSERVER=$(realpath "$OBSERVER")
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
versions=${KUBERNETES_VERSIONS:-1.30.0 1.32.0 1.34.0}
catalogue=../observer/src/export/catalogue.rs
finding=../observer/src/detect/finding.rs
failed=0

fail() { echo "FAILED: $*" >&2 && failed=1; }

rules() {
    promtool check rules prometheus/rules/*.yaml prometheus/thresholds.yaml >"$work/out" 2>&1 \
        || { cat "$work/out" >&2 && fail "promtool check rules"; }
    for file in prometheus/tests/*.yaml; do
        promtool test rules "$file" >"$work/out" 2>&1 || { cat "$work/out" >&2 && fail "$file"; }
    done
    kubernetes/generate.sh --check || fail "kubernetes/generate.sh --check"
}

alerts() { sed -n 's/^ *- alert: //p' prometheus/rules/*.yaml | sort; }

# The observer's detectors; those that the rules alert on.
detectors() { sed -n '/^impl Detector {/,/^}/s/.*=> "\([a-z_]*\)".*/\1/p' "$finding" | sort; }
alerted_detectors() {
    grep -rhoE 'detector=~?"[a-z_|]+"' prometheus/rules | grep -oE '"[^"]+"' | tr -d '"' | tr '|' '\n'
    # Decided by rules of their own, over longer windows than the observer's.
    printf '%s\n' leak level
}

# Names of the catalogue, those of histograms with their suffixes; and what is not ours.
known_metrics() {
    sed -nE 's/^ +[A-Z_]+ "([a-z_]+)" (Process|Observer) (Counter|Gauge|Histogram).*/\1 \3/p' "$catalogue" \
        | while read -r name kind; do
            echo "parkwatch_$name"
            [ "$kind" != Histogram ] || printf "parkwatch_${name}_%s\n" bucket sum count
        done
}

names() {
    known_metrics | sort >"$work/known"
    [ -s "$work/known" ] || fail "no metric found in $catalogue"
    # The names of rule groups and of the namespace's label begin alike.
    grep -rhoE '\bparkwatch_[a-z_]+' --include=*.yaml --include=*.json --include=*.md prometheus grafana runbooks \
        | grep -vxE 'parkwatch_(series|leak|leak_slow|levels|tasks|observer|thresholds)' | sort -u >"$work/used"
    comm -23 "$work/used" "$work/known" >"$work/unknown"
    [ ! -s "$work/unknown" ] || fail "not in the catalogue: $(tr '\n' ' ' <"$work/unknown")"

    # Every alert has a runbook, a test that expects it, and a link; no runbook is left over.
    for name in $(alerts); do
        [ -s "runbooks/$name.md" ] || fail "$name has no runbook"
        grep -rqE "(runbook_url: .*/$name.md)" prometheus/tests || fail "no test expects $name"
        cat prometheus/tests/*.yaml | grep -qzP "alertname: $name,?\s*exp_alerts: \[\]" \
            || fail "no test expects $name to be silent"
        grep -q "runbook_url: https://runbooks.example.com/parkwatch/$name.md" prometheus/rules/*.yaml \
            || fail "$name does not link to its runbook"
    done
    diff <(alerts) <(ls runbooks | sed -n 's/^\(Parkwatch.*\)\.md$/\1/p' | sort) >&2 \
        || fail "alerts and runbooks differ"

    diff <(detectors) <(alerted_detectors | sort -u) >&2 || fail "detectors and alerts differ"

    # What the rules join or ask for is recorded by one of them, or is a limit that users set.
    grep -rhoE 'record: parkwatch:[a-z_:]+' prometheus/rules | sed 's/record: //' | sort -u >"$work/recorded"
    grep -rhoE 'parkwatch:[a-z_]+(:[a-z_]+)?' prometheus/rules runbooks grafana | grep -v '^parkwatch:X$' \
        | grep -v '^parkwatch:threshold:' | sort -u >"$work/asked"
    comm -23 "$work/asked" "$work/recorded" >"$work/unknown"
    [ ! -s "$work/unknown" ] || fail "recorded by no rule: $(tr '\n' ' ' <"$work/unknown")"
}

dashboards() {
    # The expressions, as rules: promtool parses them.
    for file in grafana/*.json; do
        {
            printf 'groups:\n- name: dashboard\n  rules:\n'
            jq -r '.panels[].targets[]?.expr' "$file" | sed -e 's/\$__rate_interval/5m/g' -e "s/'/''/g" \
                | sed "s/.*/  - {record: 'dashboard', expr: '&'}/" | awk '{ sub("\047dashboard\047", "d" NR); print }'
        } >"$work/dashboard.yaml"
        promtool check rules "$work/dashboard.yaml" >"$work/out" 2>&1 || { cat "$work/out" >&2 && fail "$file"; }
        [ "$(jq '[.panels[].id] | length == (unique | length)' "$file")" = true ] || fail "$file: panel ids"
    done
}

build() { if command -v kustomize >/dev/null; then kustomize build "$1"; else kubectl kustomize "$1"; fi; }

kubernetes() {
    for overlay in kubernetes/overlays/*/; do
        local name rendered
        name=$(basename "$overlay")
        rendered=$work/$name.yaml
        build "$overlay" >"$rendered" || { fail "$overlay" && continue; }
        for version in $versions; do
            kubernetes-validate -k "$version" --strict --no-warn --quiet "$rendered" >"$work/out" 2>&1 \
                || { cat "$work/out" >&2 && fail "$overlay for $version"; }
        done
        flags_exist "$overlay" <(grep -oE -- '- --[a-z-]+' "$rendered" | sed 's/^- //')
    done
}

systemd() {
    # The binary need not be installed to look at the unit.
    sed "s#/usr/local/bin/observer#/bin/true#" systemd/parkwatch-observer.service >"$work/parkwatch-observer.service"
    systemd-analyze verify "$work/parkwatch-observer.service" >"$work/out" 2>&1 || { cat "$work/out" >&2 && fail systemd; }
    [ ! -s "$work/out" ] || { cat "$work/out" >&2 && fail "systemd warns"; }
    flags_exist systemd <(grep '^ExecStart=' systemd/parkwatch-observer.service | grep -oE -- '--[a-z-]+')
}

flags_exist() {
    [ -n "${OBSERVER-}" ] || return 0
    while read -r flag; do
        "$OBSERVER" run --help | grep -qE -- "$flag( |$)" || fail "$1: observer run has no $flag"
    done <"$2"
}

[ $# -gt 0 ] || set -- rules names dashboards kubernetes systemd
for check in "$@"; do
    echo "checking $check" >&2
    "$check"
done
exit "$failed"
