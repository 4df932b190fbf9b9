package io.flymq.spring.boot;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Encryption of records from end to end. A bean of type {@link io.flymq.client.Keyring} takes the place of
 * the keys here.
 */
public class EncryptionProperties {
  /** Key to encrypt and decrypt records with: 32 bytes as base64 or hex. */
  private @Nullable String key;

  /** Several keys, as lines of ID:KEY, the one to encrypt with first. */
  private @Nullable String keyring;

  /** File with what keyring takes. */
  private @Nullable Path keyringFile;

  /** Whether headers of records are encrypted too. By default no. */
  private @Nullable Boolean headers;

  /** Whether records that are not encrypted are refused. By default no. */
  private @Nullable Boolean refusePlain;

  /** Default properties. */
  public EncryptionProperties() {}

  /** {@return the property key} */
  public @Nullable String getKey() {
    return key;
  }

  /**
   * Sets it.
   *
   * @param key the property key
   */
  public void setKey(@Nullable String key) {
    this.key = key;
  }

  /** {@return the property keyring} */
  public @Nullable String getKeyring() {
    return keyring;
  }

  /**
   * Sets it.
   *
   * @param keyring the property keyring
   */
  public void setKeyring(@Nullable String keyring) {
    this.keyring = keyring;
  }

  /** {@return the property keyring-file} */
  public @Nullable Path getKeyringFile() {
    return keyringFile;
  }

  /**
   * Sets it.
   *
   * @param keyringFile the property keyring-file
   */
  public void setKeyringFile(@Nullable Path keyringFile) {
    this.keyringFile = keyringFile;
  }

  /** {@return the property headers} */
  public @Nullable Boolean getHeaders() {
    return headers;
  }

  /**
   * Sets it.
   *
   * @param headers the property headers
   */
  public void setHeaders(@Nullable Boolean headers) {
    this.headers = headers;
  }

  /** {@return the property refuse-plain} */
  public @Nullable Boolean getRefusePlain() {
    return refusePlain;
  }

  /**
   * Sets it.
   *
   * @param refusePlain the property refuse-plain
   */
  public void setRefusePlain(@Nullable Boolean refusePlain) {
    this.refusePlain = refusePlain;
  }
}
