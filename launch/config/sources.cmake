# Sources of launch/config, part of the library gyrus_launch.
target_sources(gyrus_launch PRIVATE
  command_line.cpp
  config/binder.cpp
  config/composer.cpp
  config/config.cpp
  config/defaults_entry.cpp
  config/defaults_list.cpp
  config/node.cpp
  config/override_parser.cpp
  config/repository.cpp
  config/resolver.cpp
  config/verb.cpp
  config/yaml_reader.cpp
  config/yaml_writer.cpp
)
