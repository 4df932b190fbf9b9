package io.flymq.spring.boot;

import org.jspecify.annotations.Nullable;

/** Secured connections. */
public class SslProperties {
  /** Whether connections are secured by TLS. By default yes with a bundle, else no. */
  private @Nullable Boolean enabled;

  /**
   * Name of the SSL bundle (spring.ssl.bundle.*) with whom to trust, and with the client's certificate and
   * key if the broker asks for one.
   */
  private @Nullable String bundle;

  /** Name that the broker's certificate must have. By default the host connected to. */
  private @Nullable String serverName;

  /**
   * The lowest version of TLS that is spoken, 1.2 or 1.3. By default 1.2, or 1.3 if the bundle enables
   * nothing lower.
   */
  private @Nullable String minVersion;

  /** Whether to take any certificate of a broker, which secures nothing. By default no. */
  private @Nullable Boolean insecureSkipVerify;

  /** Default properties. */
  public SslProperties() {}

  /** {@return the property enabled} */
  public @Nullable Boolean getEnabled() {
    return enabled;
  }

  /**
   * Sets it.
   *
   * @param enabled the property enabled
   */
  public void setEnabled(@Nullable Boolean enabled) {
    this.enabled = enabled;
  }

  /** {@return the property bundle} */
  public @Nullable String getBundle() {
    return bundle;
  }

  /**
   * Sets it.
   *
   * @param bundle the property bundle
   */
  public void setBundle(@Nullable String bundle) {
    this.bundle = bundle;
  }

  /** {@return the property server-name} */
  public @Nullable String getServerName() {
    return serverName;
  }

  /**
   * Sets it.
   *
   * @param serverName the property server-name
   */
  public void setServerName(@Nullable String serverName) {
    this.serverName = serverName;
  }

  /** {@return the property min-version} */
  public @Nullable String getMinVersion() {
    return minVersion;
  }

  /**
   * Sets it.
   *
   * @param minVersion the property min-version
   */
  public void setMinVersion(@Nullable String minVersion) {
    this.minVersion = minVersion;
  }

  /** {@return the property insecure-skip-verify} */
  public @Nullable Boolean getInsecureSkipVerify() {
    return insecureSkipVerify;
  }

  /**
   * Sets it.
   *
   * @param insecureSkipVerify the property insecure-skip-verify
   */
  public void setInsecureSkipVerify(@Nullable Boolean insecureSkipVerify) {
    this.insecureSkipVerify = insecureSkipVerify;
  }
}
