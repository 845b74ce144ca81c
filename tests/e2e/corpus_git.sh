#!/usr/bin/env bash
# git: init, commits, a branch and a merge, clone, pull, gc, fsck. The ids are fixed by the dates.
. "$(dirname "$0")/../lib-enforce.sh"
corpus_init git

command=(sh -e "$F/work.sh")
used=("$(readlink -f /usr/bin/git)" "$W/one/.git/config")
unused=(/etc/shadow "$W/one/.git/hooks/pre-push")

cat >"$F/work.sh" <<'END'
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=c GIT_COMMITTER_EMAIL=c@example.org
git -c init.defaultBranch=main init -q one
cd one
for i in 1 2 3 4 5 6 7 8; do
	seq 1 $((i * 100)) >file$i
	git add file$i
	git commit -q -m "commit $i"
done
git checkout -q -b side HEAD~3
echo side >side
git add side
git commit -q -m side
git checkout -q main
git merge -q --no-edit side
git mv file1 renamed
git commit -q -m rename
git tag -a -m one v1
cd ..
git clone -q --no-local one two
git -C one commit -q --allow-empty -m more
git -C two pull -q
git -C two gc -q --prune=now
git -C two fsck --strict
git -C two log --oneline | wc -l
git -C two rev-parse HEAD v1
git -C two diff --stat HEAD~2
git -C two status --short
END

corpus_main
