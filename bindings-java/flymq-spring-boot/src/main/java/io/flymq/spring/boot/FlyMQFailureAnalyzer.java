package io.flymq.spring.boot;

import io.flymq.client.errors.AuthFailedException;
import io.flymq.client.errors.AuthRequiredException;
import io.flymq.client.errors.BadMagicException;
import io.flymq.client.errors.ConnectFailedException;
import io.flymq.client.errors.FlyMQException;
import io.flymq.client.errors.InvalidArgumentException;
import io.flymq.client.errors.TlsFailedException;
import io.flymq.client.errors.TlsRequiredException;
import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/** Says what to do where an application does not start because of FlyMQ. */
class FlyMQFailureAnalyzer extends AbstractFailureAnalyzer<FlyMQException> {
  @Override
  protected FailureAnalysis analyze(Throwable rootFailure, FlyMQException cause) {
    String what = "FlyMQ: " + cause.details().message() + " (" + cause.name() + " " + cause.code() + ")";
    return new FailureAnalysis(what, action(cause), cause);
  }

  private static String action(FlyMQException cause) {
    if (cause instanceof ConnectFailedException) {
      return "Check flymq.bootstrap-servers and that a broker is listening there. Set flymq.startup-timeout"
          + " to wait for one that starts later, or flymq.embedded.enabled=true to run without one.";
    }
    if (cause instanceof TlsRequiredException) {
      return "Turn TLS on: set flymq.ssl.bundle, or flymq.ssl.enabled=true.";
    }
    if (cause instanceof TlsFailedException || cause instanceof BadMagicException) {
      return "Check that both sides use TLS, or neither does (flymq.ssl.enabled), that the bundle of"
          + " flymq.ssl.bundle trusts the broker's certificate, and that the certificate has the name"
          + " connected to (else flymq.ssl.server-name).";
    }
    if (cause instanceof AuthFailedException) {
      return "Check flymq.username and flymq.password.";
    }
    if (cause instanceof AuthRequiredException) {
      return "Set flymq.username and flymq.password, or flymq.ssl.bundle with a client certificate.";
    }
    if (cause instanceof InvalidArgumentException) {
      return "Correct the property below flymq that the message names.";
    }
    String hint = cause.hint();
    return hint.isEmpty()
        ? "Look into the broker's log."
        : Character.toUpperCase(hint.charAt(0)) + hint.substring(1) + ".";
  }
}
