#!/bin/sh
# Each improvement on the reference is seen by the golden run: without it, it fails and names it.
# Usage: test_improvements.sh RUN_SCENARIOS_WITHOUT DIR
set -u
status=0
for number in 1 2 4 5 7 8 9; do
    if output=$("$1" --without "$number" "$2"); then
        echo "improvement $number: nobody missed it"
        status=1
    elif ! printf '%s\n' "$output" | grep -q "improvement $number is missing"; then
        echo "improvement $number: something failed, but was not named"
        printf '%s\n' "$output" | grep -A1 FAIL | head -20
        status=1
    elif printf '%s\n' "$output" | grep "is missing" | grep -vq "improvement $number is missing"; then
        echo "improvement $number: another one was named"
        status=1
    fi
    # What stays as the reference does it must not suffer.
    if printf '%s\n' "$output" | grep -q "^  exact"; then
        echo "improvement $number: burr_exact changed too"
        status=1
    fi
done
exit $status
