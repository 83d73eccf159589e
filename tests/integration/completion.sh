#!/usr/bin/env bash
# The completion scripts in their own shells: verbs, commands, flags, groups, options, keys, file names. Skipped where zsh or fish is not.
source "$(dirname "$0")/common.sh"
export PATH=$(dirname "$gyrus"):$PATH
for shell in zsh fish; do
  command -v $shell >/dev/null || { echo "skipped: $shell is not installed"; exit 77; }
done
mkdir -p here/run1
touch here/model.safetensors

in_bash() { # LINE: what bash would offer, sorted, one per line
  bash --norc -c 'source <(gyrus completion bash); compopt() { :; }; COMP_LINE=$1 COMP_POINT=${#1}; _gyrus; printf "%s\n" "${COMPREPLY[@]}"' - "$1" | sort
}
in_zsh() { # the words after gyrus
  zsh -f -c '
    compdef() { :; }; compset() { [[ $1 = -P ]] && words[CURRENT]=${words[CURRENT]#*=}; }
    compadd() { shift $(( $@[(i)--] )); print -l -- "$@"; }; _files() { print -l -- ${words[CURRENT]}*(N); }
    source <(gyrus completion zsh); words=(gyrus "$@"); CURRENT=$#words; _gyrus' - "$@" | sort
}
in_fish() { fish --no-config -c 'gyrus completion fish | source; complete -C $argv[1]' "$1" | cut -f 1 | sort; }

same() { # WANTED FOUND WHAT
  [ "$1" = "$2" ] || fail "$3: offered '$2' instead of '$1'"
}

echo "--- verbs and commands"
same "train" "$(in_bash 'gyrus tr')" "bash verbs"
same "train" "$(in_zsh tr)" "zsh verbs"
same "train" "$(in_fish 'gyrus tr')" "fish verbs"
for found in "$(in_bash 'gyrus config ')" "$(in_zsh config '')" "$(in_fish 'gyrus config ')"; do
  same "$(printf 'diff\ndigest\nexplain\noptions\nshow')" "$found" "commands of config"
done

echo "--- flags"
for found in "$(in_bash 'gyrus train --d')" "$(in_zsh train --d)" "$(in_fish 'gyrus train --d')"; do
  same "--dry-run" "$found" "flags of train"
done
same "--unresolved" "$(in_bash 'gyrus config show --u')" "flags of config show"

echo "--- groups, options, keys, values"
for found in "$(in_bash 'gyrus train nois')" "$(in_zsh train nois)" "$(in_fish 'gyrus train nois')"; do
  same "$(printf 'noise.\nnoise=')" "$found" "groups"
done
same "$(printf 'gaussian\nsimplex')" "$(in_bash 'gyrus train noise=')" "bash options"
same "$(printf 'noise=gaussian\nnoise=simplex')" "$(in_zsh train noise=)" "zsh options"
same "$(printf 'noise=gaussian\nnoise=simplex')" "$(in_fish 'gyrus train noise=')" "fish options"
same "trainer.optimizer.lr=" "$(in_zsh train trainer.optimizer.lr)" "zsh keys"
same "bf16" "$(in_bash 'gyrus train seed=3 trainer.precision=b')" "bash choices"

echo "--- file names"
same "here/run1" "$(in_bash 'gyrus eval checkpoint=here/r')" "bash files"
same "here/run1" "$(in_zsh eval checkpoint=here/r)" "zsh files"
same "checkpoint=here/run1/" "$(in_fish 'gyrus eval checkpoint=here/r')" "fish files"
