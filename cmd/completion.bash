# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Completion of hull's command line in bash. "make" puts the tables in and leaves build/hull.bash (cmd/docs_gen.c).

# @tables@

# _hull_reply ARGUMENTS OF compgen...: the words that begin with what is typed ($cur).
_hull_reply() { mapfile -t COMPREPLY < <(compgen "$@" -- "$cur"); }

_hull_files() {
	compopt -o filenames 2>/dev/null
	_hull_reply "$1"
}

_hull_complete_value() {
	local what
	what=$(_hull_value "$1" "$2")
	case $what in
	@file) _hull_files -f ;;
	@dir) _hull_files -d ;;
	@none) ;;
	*) _hull_reply -W "$what" ;;
	esac
}

_hull() {
	local cur=${COMP_WORDS[COMP_CWORD]} word cmd='' option='' dashes='' n=0 last=0 i root=()
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $option ]]; then
			# "--root=DIR" comes in three words (COMP_WORDBREAKS).
			[[ $word != = ]] || continue
			[[ $cmd || $option != root ]] || root=(--root "${word/#\~/$HOME}")
			option=''
		elif [[ $word = = ]]; then
			((i++))
		elif [[ $word = -- ]]; then
			dashes=1
		elif [[ -z $dashes && $word = -?* ]] && ((last == 0 || n < last)); then
			word=${word#-} word=${word#-}
			! _hull_value "$cmd" "$word" >/dev/null || option=$word
		elif [[ -z $cmd ]]; then
			cmd=$word
			last=$(_hull_last "$cmd")
		else
			((++n))
		fi
	done
	[[ $cur != = ]] || cur=''
	if [[ $option ]]; then
		_hull_complete_value "$cmd" "$option"
	elif [[ -z $dashes && $cur = -* ]] && ((last == 0 || n < last)); then
		_hull_reply -W "$(_hull_options "$cmd")"
	elif [[ -z $cmd || ($cmd = help && $n = 0) ]]; then
		_hull_reply -W "$(_hull_commands)"
	elif [[ $n = 0 ]] && _hull_takes_id "$cmd"; then
		_hull_reply -W "$("${COMP_WORDS[0]/#\~/$HOME}" "${root[@]}" list -q 2>/dev/null)"
	elif [[ $cmd = kill && $n = 1 ]]; then
		_hull_reply -A signal
	elif [[ $last != 0 && $n != 0 ]]; then
		_hull_files -f
	fi
}

complete -F _hull hull
