#include "launch/config/yaml_writer.hpp"

#include <fmt/format.h>

#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>

#include "launch/config/yaml_scalar.hpp"

namespace gyrus {
namespace {

bool is_safe_plain(const std::string& text) {
  if (text.empty() || text.back() == ' ' || text.back() == ':') return false;
  for (const char c : text) {
    const bool is_safe = std::isalnum(static_cast<unsigned char>(c)) ||
                         std::string_view("_./-+@%= ").find(c) != std::string_view::npos;
    if (!is_safe) return false;
  }
  const char first = text.front();
  if (!std::isalnum(static_cast<unsigned char>(first)) && first != '_' && first != '/' && first != '.')
    return false;
  return read_plain_scalar(text).is_text();
}

std::string escape_interpolations(const std::string& text) {
  std::string escaped;
  std::size_t num_backslashes = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "${") == 0) escaped.append(num_backslashes + 1, '\\');
    num_backslashes = text[i] == '\\' ? num_backslashes + 1 : 0;
    escaped += text[i];
  }
  return escaped;
}

std::string quote(const std::string& text) {
  if (is_safe_plain(text)) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        quoted += "\\\"";
        break;
      case '\\':
        quoted += "\\\\";
        break;
      case '\n':
        quoted += "\\n";
        break;
      case '\t':
        quoted += "\\t";
        break;
      case '\r':
        quoted += "\\r";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
          quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        else
          quoted += c;
    }
  }
  return quoted + '"';
}

std::string write_scalar(const ConfigNode& node, bool is_resolved) {
  switch (node.kind) {
    case NodeKind::null:
      return "null";
    case NodeKind::boolean:
      return node.boolean ? "true" : "false";
    case NodeKind::integer:
      return std::to_string(node.integer);
    case NodeKind::floating:
      if (std::isnan(node.floating)) return ".nan";
      if (std::isinf(node.floating)) return node.floating < 0 ? "-.inf" : ".inf";
      return spell_double(node.floating);
    case NodeKind::missing:
      return "\"???\"";
    case NodeKind::text:
      return quote(is_resolved ? escape_interpolations(node.text) : node.text);
    case NodeKind::list:
      return "[]";
    case NodeKind::mapping:
      return "{}";
  }
  return {};
}

bool is_filled(const ConfigNode& node) {
  return !node.items.empty() || !node.entries.empty();
}

bool holds_scalars_only(const ConfigNode& list) {
  for (const ConfigNode& item : list.items) {
    if (item.is_list() || item.is_mapping()) return false;
  }
  return true;
}

class Writer {
 public:
  explicit Writer(bool is_resolved) : is_resolved_(is_resolved) {}

  std::string text;

  /// Writes a value behind "key:" or "-".
  void write_value(const ConfigNode& node, int indent) {
    if (node.is_list() && is_filled(node) && holds_scalars_only(node)) {
      text += " [";
      for (std::size_t i = 0; i < node.items.size(); ++i)
        text += (i ? ", " : "") + write_scalar(node.items[i], is_resolved_);
      text += "]\n";
    } else if (is_filled(node)) {
      text += '\n';
      write_block(node, indent);
    } else {
      text += " " + write_scalar(node, is_resolved_) + "\n";
    }
  }

  void write_block(const ConfigNode& node, int indent) {
    for (const ConfigNode& item : node.items) {
      text.append(static_cast<std::size_t>(indent), ' ');
      text += '-';
      write_value(item, indent + 2);
    }
    for (const auto& [key, value] : node.entries) {
      text.append(static_cast<std::size_t>(indent), ' ');
      text += (key.kind == NodeKind::text ? quote(key.text) : key.text) + ":";
      write_value(value, indent + 2);
    }
  }

 private:
  bool is_resolved_;
};

std::string write(const ConfigNode& root, bool is_resolved) {
  if (!is_filled(root)) return write_scalar(root, is_resolved) + "\n";
  Writer writer(is_resolved);
  writer.write_block(root, 0);
  return writer.text;
}

nlohmann::ordered_json to_json_value(const ConfigNode& node) {
  switch (node.kind) {
    case NodeKind::null:
      return nullptr;
    case NodeKind::boolean:
      return node.boolean;
    case NodeKind::integer:
      return node.integer;
    case NodeKind::floating:
      if (!std::isfinite(node.floating)) return spell_double(node.floating);
      return node.floating;
    case NodeKind::missing:
      return "???";
    case NodeKind::text:
      return node.text;
    case NodeKind::list: {
      nlohmann::ordered_json list = nlohmann::ordered_json::array();
      for (const ConfigNode& item : node.items) list.push_back(to_json_value(item));
      return list;
    }
    case NodeKind::mapping: {
      nlohmann::ordered_json mapping = nlohmann::ordered_json::object();
      for (const auto& [key, value] : node.entries) mapping[key.text] = to_json_value(value);
      return mapping;
    }
  }
  return nullptr;
}

}  // namespace

std::string write_yaml(const ConfigNode& root) {
  return write(root, /*is_resolved=*/true);
}
std::string write_unresolved_yaml(const ConfigNode& root) {
  return write(root, /*is_resolved=*/false);
}

std::string write_json(const ConfigNode& root) {
  return to_json_value(root).dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace gyrus
