#!/usr/bin/env bash
# Two runs of a command make a profile for its next one. `git commit` calls its files by their hashes:
# what a third run does with them, the policy of the first two grants, as apparmor_parser compiles it;
# and nothing beside.
. "$(dirname "$0")/../lib.sh"
t_init
t_have git jq apparmor_parser || t_skip_all "no $t_missing here"

cd "$T" || exit 1
export HOME=$T GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=e GIT_COMMITTER_NAME=n GIT_COMMITTER_EMAIL=e
git init -q repository

# commit OUT: recorded there; the command is the same each time
commit()
{
	"$WHITTLE" record -q --append -o "$1" -- git -C repository commit -q -m change
}

compile() { apparmor_parser -Q -K -T -S profile >policy; }

# Each commit has something new; the index is outside of what is recorded.
change()
{
	echo "$1" >repository/file
	git -C repository add file
}

for n in 1 2; do
	change "$n"
	t_ok "commit $n is recorded" commit two
done
cp -r two/evidence.json two.json
change 3
t_ok "commit 3 is recorded apart" commit third
"$WHITTLE" emit apparmor -q --name next two.json >profile
t_ok "apparmor_parser takes the profile" compile

# Names without placeholders; those with one are patterns of one run already.
jq -r --arg dir "$T/repository/" '.paths[] | select((.path | startswith($dir)) and (.path | contains("\\{") | not)) |
	.path' third/evidence.json | sort -u >names
missing=$(while read -r name; do
	granted=$("$WORKLOADS/deny_path" policy "$name" | cut -d ' ' -f 1)
	case $granted in "" | -) echo "$name" ;; esac
done <names)
t_is "every name of the third run is granted" "$missing" ""
t_ok "there are new objects among them" grep -q '/objects/[0-9a-f][0-9a-f]/' names
for name in objects/ab/cd objects/xy/0123456789abcdef0123456789abcdef012345 objects/abc/file refs/heads/other hooks/x; do
	t_is "not granted: $name" "$("$WORKLOADS/deny_path" policy "$T/repository/.git/$name" | cut -d ' ' -f 1)" -
done
t_end
