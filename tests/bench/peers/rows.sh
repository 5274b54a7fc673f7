#!/bin/sh
# A source of rows for ../table.py: what run.sh measures. The build folder that it is given is the one run.sh makes.
shift
exec sh "$(dirname "$0")/run.sh" --rows "$@"
