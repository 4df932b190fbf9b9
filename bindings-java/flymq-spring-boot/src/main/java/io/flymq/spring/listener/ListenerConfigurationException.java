package io.flymq.spring.listener;

/** A listener cannot be started as it is configured. */
public class ListenerConfigurationException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String action;

  /**
   * An exception.
   *
   * @param message what is wrong
   * @param action what to do about it, in one sentence
   */
  public ListenerConfigurationException(String message, String action) {
    super(message + "; " + action);
    this.action = action;
  }

  /** {@return what to do about it, in one sentence} */
  public String action() {
    return action;
  }
}
