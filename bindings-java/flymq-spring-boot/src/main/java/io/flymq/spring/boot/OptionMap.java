package io.flymq.spring.boot;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.util.unit.DataSize;

/** Properties as options by the core's names. Those that are not set are left out. */
final class OptionMap {
  private final Map<String, String> options = new LinkedHashMap<>();

  OptionMap put(String name, @Nullable Object value) {
    if (value != null) {
      options.put(name, value.toString());
    }
    return this;
  }

  OptionMap put(String name, @Nullable Duration value) {
    return put(name, value == null ? null : (Object) value.toMillis());
  }

  OptionMap put(String name, @Nullable DataSize value) {
    return put(name, value == null ? null : (Object) value.toBytes());
  }

  /** Options by their names, as properties and variables of the environment can have them too. */
  OptionMap putAll(Map<String, String> free) {
    free.forEach(
        (name, value) ->
            options.put(name.replace('-', '_').replace('.', '_').toLowerCase(Locale.ROOT), value));
    return this;
  }

  Map<String, String> toMap() {
    return options;
  }
}
