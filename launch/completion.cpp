#include "launch/completion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>

#include "launch/config/binder.hpp"
#include "launch/config/composer.hpp"
#include "launch/config/node.hpp"
#include "launch/error.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;
using Visit = std::function<void(Fields&)>;

// The line up to the cursor is split at blanks here: bash itself would split at = and : too, and replaces
// only what follows the last of them.
constexpr const char* bash_script = R"script(_gyrus() {
  local line=${COMP_LINE:0:COMP_POINT} words current
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current=${words[-1]}
  mapfile -t COMPREPLY < <("${words[0]}" completion words -- "${words[@]:1}" 2>/dev/null)
  if [ ${#COMPREPLY[@]} = 0 ]; then
    mapfile -t COMPREPLY < <(compgen -f -- "${current##*=}")
    compopt -o filenames 2>/dev/null
    return
  fi
  [ ${#COMPREPLY[@]} = 1 ] && [[ ${COMPREPLY[0]} == *[=.] ]] && compopt -o nospace 2>/dev/null
  [[ $current == *=* ]] && COMPREPLY=("${COMPREPLY[@]#"${current%"${current##*=}"}"}")
}
complete -F _gyrus gyrus
)script";

constexpr const char* zsh_script = R"script(#compdef gyrus
_gyrus() {
  local -a candidates open closed
  candidates=(${(f)"$(${words[1]} completion words -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)"})
  if (( ! $#candidates )); then
    compset -P '*='
    _files
    return
  fi
  open=(${(M)candidates:#*[=.]}) closed=(${candidates:#*[=.]})
  (( $#open )) && compadd -S '' -- $open
  (( $#closed )) && compadd -- $closed
}
compdef _gyrus gyrus
)script";

constexpr const char* fish_script = R"script(function __gyrus_words
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l found ($words[1] completion words -- $words[2..-1] $current 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        set -l prefix (string match -r '^.*=' -- $current)
        for file in (__fish_complete_path (string replace -r '^.*=' '' -- $current))
            printf '%s%s\n' $prefix $file
        end
    end
end
complete -c gyrus -f -a '(__gyrus_words)'
)script";

/// Flags behind which a file, a folder or a name of the user's own stands.
const Words flags_with_value = {"-c", "--config-name", "--config-dir", "--frozen", "--package", "--search"};

/// The flags that `gyrus VERB [COMMAND] --help` names.
Words flags_of(const Words& verb) {
  std::string command = "/proc/$PPID/exe";  // of the shell that popen starts: this program
  for (const std::string& word : verb) command += " " + word;
  const std::unique_ptr<FILE, int (*)(FILE*)> help(::popen((command + " --help 2>/dev/null").c_str(), "r"),
                                                   ::pclose);
  Words flags;
  std::string text;
  for (int c = 0; help && (c = std::fgetc(help.get())) != EOF;) text += static_cast<char>(c);
  for (std::size_t at = 0; (at = text.find("--", at)) != std::string::npos;) {
    const std::size_t end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz-", at);
    flags.push_back(text.substr(at, end - at));
    at = std::min(end, text.size());
  }
  return flags;
}

/// The request that the words on the line make, so that groups of --config-dir count.
ComposeRequest request_of(const Words& words) {
  ConfigArguments arguments;
  for (std::size_t i = 0; i + 2 < words.size(); ++i)
    if (words[i] == "--config-dir") arguments.config_folders.push_back(words[i + 1]);
  const std::string assigned = "--config-dir=";
  for (const std::string& word : words)
    if (word.starts_with(assigned)) arguments.config_folders.push_back(word.substr(assigned.size()));
  return arguments.request();
}

/// All groups of the config folders: "model", "hardware/node".
Words groups_of(const ComposeRequest& request) {
  std::set<std::string> groups;
  std::vector<fs::path> folders = {request.config_folder};
  folders.insert(folders.end(), request.extra_folders.begin(), request.extra_folders.end());
  for (const fs::path& folder : folders)
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.path().extension() == ".yaml" && entry.path().parent_path() != folder)
        groups.insert(entry.path().parent_path().lexically_relative(folder).string());
  return {groups.begin(), groups.end()};
}

/// Groups with =, and the next level of the keys: `trainer.`, `trainer.lr=`.
Words keys_for(const std::string& typed, const ComposeRequest& request, const Visit& visit) {
  Words keys;
  for (const std::string& group : groups_of(request)) keys.push_back(group + "=");
  const std::size_t level = typed.rfind('.') + 1;  // npos + 1 is 0
  for (const OptionDescription& option : describe_options(visit)) {
    if (!option.path.starts_with(typed)) continue;
    const std::size_t dot = option.path.find('.', level);
    keys.push_back(dot == std::string::npos ? option.path + "=" : option.path.substr(0, dot + 1));
  }
  return keys;
}

Words values_for(const std::string& key, const ComposeRequest& request, const Visit& visit) {
  Words values = group_options(request, key);
  for (const OptionDescription& option : describe_options(visit)) {
    if (option.path != key) continue;
    values.insert(values.end(), option.rules.choices.begin(), option.rules.choices.end());
    if (option.type == "true|false") values = {"true", "false"};
    if (option.rules.auto_value) values.push_back("auto");
  }
  return values;
}

Words overrides_for(const std::string& word, const ComposeRequest& request, const Visit& visit) {
  const std::size_t begin = std::min(word.find_first_not_of("+~"), word.size());
  const std::size_t equal = word.find('=');
  const std::string prefix = word.substr(0, begin);
  Words words;
  if (equal == std::string::npos) {
    for (const std::string& key : keys_for(word.substr(begin), request, visit)) words.push_back(prefix + key);
    return words;
  }
  // Behind a comma another value of a sweep begins.
  const std::size_t value = word.find_last_of("=,") + 1;
  for (const std::string& text : values_for(word.substr(begin, equal - begin), request, visit))
    words.push_back(word.substr(0, value) + text);
  return words;
}

void keep_matching(Words& words, const std::string& typed) {
  std::erase_if(words, [&](const std::string& word) { return !word.starts_with(typed); });
  std::ranges::sort(words);
  words.erase(std::unique(words.begin(), words.end()), words.end());
}

}  // namespace

Words complete_words(const Words& words, std::span<const Verb> verbs, const Visit& visit) {
  const std::string typed = words.empty() ? "" : words.back();
  Words found;
  const auto verb = words.size() < 2 ? verbs.end() : std::ranges::find(verbs, words[0], &Verb::name);
  if (words.size() < 2) {
    for (const Verb& known : verbs) found.emplace_back(known.name);
  } else if (verb != verbs.end()) {
    const auto& commands = verb->commands;
    const bool has_command = words.size() > 2 && std::ranges::find(commands, words[1]) != commands.end();
    const bool is_value_of_flag =
        std::ranges::find(flags_with_value, words[words.size() - 2]) != flags_with_value.end();
    const bool wants_files =
        has_command && std::ranges::find(verb->file_commands, words[1]) != verb->file_commands.end();
    if (is_value_of_flag) return {};  // the shell offers files
    if (words.size() == 2) found = commands;
    if (wants_files && !typed.starts_with("-")) return {};
    if (has_command && words[1] == verb->key_command && words.size() == 3) {
      for (const OptionDescription& option : describe_options(visit)) found.push_back(option.path);
    } else if (typed.starts_with("-")) {
      found = flags_of(has_command ? Words{words[0], words[1]} : Words{words[0]});
    } else if (verb->takes_overrides && (commands.empty() || has_command || verb->commands_are_optional)) {
      const Words overrides = overrides_for(typed, request_of(words), visit);
      found.insert(found.end(), overrides.begin(), overrides.end());
    }
  }
  keep_matching(found, typed);
  return found;
}

int completion_verb(const Words& arguments, std::span<const Verb> verbs, const Visit& visit) {
  const std::string what = arguments.empty() ? "" : arguments.front();
  if (what == "words") {
    const auto begin = std::ranges::find(arguments, "--");
    for (const std::string& word :
         complete_words({begin == arguments.end() ? begin : begin + 1, arguments.end()}, verbs, visit))
      fmt::print("{}\n", word);
    return 0;
  }
  for (const auto& [shell, script] :
       {std::pair{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}})
    if (what == shell) return fmt::print("{}", script), 0;
  if (what != "--help" && what != "-h")
    throw ConfigError(fmt::format("gyrus completion takes bash, zsh or fish, not '{}'", what));
  fmt::print(
      "Completion of verbs, groups, options and their values.\n\n"
      "  bash   source <(gyrus completion bash)        in ~/.bashrc\n"
      "  zsh    source <(gyrus completion zsh)         in ~/.zshrc, after compinit\n"
      "  fish   gyrus completion fish | source         in config.fish\n");
  return 0;
}

}  // namespace gyrus
