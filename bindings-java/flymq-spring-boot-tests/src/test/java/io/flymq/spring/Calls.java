package io.flymq.spring;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;

/** Everything that a listener was called with. */
final class Calls extends ConcurrentLinkedQueue<List<Object>> {
  private static final long serialVersionUID = 1L;

  void add(Object... arguments) {
    List<Object> list = new ArrayList<>();
    Collections.addAll(list, arguments);
    add(list);
  }
}
