# Sources of launch/config, part of the library gyrus_launch.
target_sources(gyrus_launch PRIVATE
  command_line.cpp
  completion.cpp
  config/binder.cpp
  config/casts.cpp
  config/composer.cpp
  config/config.cpp
  config/decimal.cpp
  config/defaults_entry.cpp
  config/defaults_list.cpp
  config/hydra_node.cpp
  config/interpolation_text.cpp
  config/multirun.cpp
  config/node.cpp
  config/override_functions.cpp
  config/override_lexer.cpp
  config/override_parser.cpp
  config/override_writer.cpp
  config/repository.cpp
  config/resolver.cpp
  config/sweep.cpp
  config/verb.cpp
  config/yaml_reader.cpp
  config/yaml_scalar.cpp
  config/yaml_writer.cpp
)
