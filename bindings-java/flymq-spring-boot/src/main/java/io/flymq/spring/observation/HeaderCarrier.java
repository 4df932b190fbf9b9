package io.flymq.spring.observation;

import io.flymq.client.Headers;

/** Headers of a record that is about to be sent, which a tracer may add its own to. */
public final class HeaderCarrier {
  private Headers headers;

  HeaderCarrier(Headers headers) {
    this.headers = headers;
  }

  /**
   * Sets a header, in place of one of that name.
   *
   * @param name its name
   * @param value its value
   */
  public void set(String name, String value) {
    headers = headers.without(name).with(name, value);
  }

  /** {@return the headers with what was set} */
  public Headers headers() {
    return headers;
  }
}
