#!/usr/bin/env bash
# Writes prometheus-operator/prometheusrules.yaml: a PrometheusRule for each file of
# deploy/prometheus/rules, which stay the only place where rules are written.
#
#   generate.sh                       writes it
#   generate.sh --check               says whether it is up to date, by the exit code
#   generate.sh --runbooks URL        as the first, with another base of the runbook links
set -euo pipefail
cd "$(dirname "$0")"
target=prometheus-operator/prometheusrules.yaml
runbooks=https://runbooks.example.com/parkwatch

rules() {
    echo "# Made by ../generate.sh from deploy/prometheus/rules: edit those, not this."
    for file in ../prometheus/rules/*.yaml; do
        printf -- '---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\n'
        printf 'metadata:\n  name: parkwatch-%s\n  namespace: parkwatch\nspec:\n' "$(basename "$file" .yaml)"
        # Comments stay in the rule files; those within expressions would be code.
        sed -e '/^ *#/d' -e 's/^\(.\)/  \1/' \
            -e "s#https://runbooks.example.com/parkwatch#$1#" "$file"
    done
}

case "${1-}" in
    --check) diff <(rules "$runbooks") "$target" >&2 || {
        echo "$target is not made from the rules as they are: run deploy/kubernetes/generate.sh" >&2
        exit 1
    } ;;
    --runbooks) rules "${2:?the base URL of the runbooks}" >"$target" ;;
    *) rules "$runbooks" >"$target" ;;
esac
