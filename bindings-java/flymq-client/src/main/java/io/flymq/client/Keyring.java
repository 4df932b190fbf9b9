package io.flymq.client;

import io.flymq.client.errors.ErrorCode;
import io.flymq.client.internal.Call;
import io.flymq.client.internal.Handle;
import io.flymq.client.internal.In;
import io.flymq.client.internal.Native;
import io.flymq.client.internal.Out;
import io.flymq.client.internal.Secrets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.List;

/**
 * Keys to decrypt with, by their ids, and one of them to encrypt with. Clients that were given the keyring
 * notice when keys are added or changed, so that keys can be rotated while they run: add the new key to all
 * readers, then have the writers use it. Keys are never shown.
 */
public final class Keyring {
  /** How many bytes a key has. */
  public static final int KEY_LENGTH = 32;

  private final Handle handle;

  private Keyring(long number) {
    this.handle = new Handle(this, "keyring", number);
  }

  /**
   * A keyring with one key, which encrypts.
   *
   * @param id the key's name, which records carry
   * @param key 32 bytes; the array may be wiped afterwards
   * @return the keyring
   * @throws io.flymq.client.errors.InvalidArgumentException if it is no key
   */
  public static Keyring of(String id, byte[] key) {
    return open(new Out().text(null).int32(1).text(id).bytes(key));
  }

  /**
   * Reads the text of a keyring: a key a line, as {@code ID:KEY} or {@code KEY} alone, in base64 or hex,
   * the one to encrypt with first. The array may be wiped afterwards.
   *
   * @param text the text
   * @return the keyring
   * @throws io.flymq.client.errors.InvalidArgumentException if it is no keyring
   */
  public static Keyring parse(char[] text) {
    return parse(Secrets.utf8(text));
  }

  /**
   * Reads a keyring file, as {@link #parse(char[])} reads its text.
   *
   * @param file the file
   * @return the keyring
   * @throws io.flymq.client.errors.InvalidArgumentException if it cannot be read or is no keyring
   */
  public static Keyring load(Path file) {
    try {
      return parse(Files.readAllBytes(file));
    } catch (IOException error) {
      throw ErrorCode.INVALID_ARGUMENT.exception("keyring file " + file + ": " + error);
    }
  }

  private static Keyring parse(byte[] text) {
    try {
      return open(new Out().bytes(text));
    } finally {
      Arrays.fill(text, (byte) 0);
    }
  }

  private static Keyring open(Out out) {
    try {
      return new Keyring(Call.open(Native::keyringOpen, 0, out));
    } finally {
      out.wipe();
    }
  }

  /** {@return a new random key} */
  public static byte[] generateKey() {
    byte[] key = new byte[KEY_LENGTH];
    new SecureRandom().nextBytes(key);
    return key;
  }

  /**
   * Adds a key to decrypt with.
   *
   * @param id the key's name
   * @param key 32 bytes; the array may be wiped afterwards
   * @throws io.flymq.client.errors.InvalidArgumentException if another key has this id
   */
  public void add(String id, byte[] key) {
    Out out = new Out().text(id).bytes(key);
    try {
      Call.wait(Native::keyringAdd, handle.get(), out);
    } finally {
      out.wipe();
    }
  }

  /**
   * Encrypts with another key from now on.
   *
   * @param id the key's name
   * @throws io.flymq.client.errors.InvalidArgumentException if there is no such key
   */
  public void encryptWith(String id) {
    Call.wait(Native::keyringEncryptWith, handle.get(), new Out().text(id));
  }

  /** {@return the names of all keys, sorted} */
  public List<String> ids() {
    return Call.wait(Native::keyringIds, handle.get(), new Out()).list(In::text);
  }

  long handle() {
    return handle.get();
  }

  @Override
  public String toString() {
    return "Keyring" + ids();
  }
}
