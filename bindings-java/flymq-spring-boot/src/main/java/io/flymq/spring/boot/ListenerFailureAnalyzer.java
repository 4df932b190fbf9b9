package io.flymq.spring.boot;

import io.flymq.spring.listener.ListenerConfigurationException;
import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/** Says what to do about a listener that cannot be started as it is configured. */
class ListenerFailureAnalyzer extends AbstractFailureAnalyzer<ListenerConfigurationException> {
  @Override
  protected FailureAnalysis analyze(
      Throwable rootFailure, ListenerConfigurationException cause) {
    String action = cause.action();
    return new FailureAnalysis(
        "FlyMQ: " + cause.getMessage(),
        Character.toUpperCase(action.charAt(0)) + action.substring(1) + ".",
        cause);
  }
}
