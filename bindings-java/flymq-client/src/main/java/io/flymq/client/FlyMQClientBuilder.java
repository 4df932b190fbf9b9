package io.flymq.client;

import io.flymq.client.internal.Call;
import io.flymq.client.internal.Callbacks;
import io.flymq.client.internal.Native;
import io.flymq.client.internal.Options;
import io.flymq.client.internal.Out;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * Options of a client. Made by {@link FlyMQClient#builder()}.
 *
 * <p>What is not set is taken from the environment: addresses from {@code FLYMQ_BOOTSTRAP_SERVERS}, user
 * and password from {@code FLYMQ_USERNAME}, {@code FLYMQ_PASSWORD} and {@code FLYMQ_PASSWORD_FILE}, keys
 * from {@code FLYMQ_ENCRYPTION_KEY} and {@code FLYMQ_ENCRYPTION_KEYRING}. What is wrong with an option is
 * said by {@link #connect()}, as {@link io.flymq.client.errors.InvalidArgumentException}.
 */
public final class FlyMQClientBuilder {
  private final Options options = new Options();
  private @Nullable String addresses;
  private @Nullable Keyring keyring;
  private Executor executor = Callbacks.DEFAULT;

  FlyMQClientBuilder() {}

  /**
   * Brokers to begin with. Default {@code localhost:9092}.
   *
   * @param addresses {@code host:port}, several of them with commas between, or a {@code flymq://} or
   *     {@code flymqs://} URL
   * @return this
   */
  public FlyMQClientBuilder addresses(String addresses) {
    this.addresses = addresses;
    return this;
  }

  /**
   * Brokers to begin with.
   *
   * @param addresses each as {@code host:port}
   * @return this
   */
  public FlyMQClientBuilder addresses(Collection<String> addresses) {
    return addresses(String.join(",", addresses));
  }

  /**
   * Sets an option by its name; {@link OptionInfo#ofClient()} lists all of them, and so does {@code
   * docs/options.md}.
   *
   * @param name its name, such as {@code connect_timeout_ms}
   * @param value its value
   * @return this
   */
  public FlyMQClientBuilder option(String name, String value) {
    options.set(name, value);
    return this;
  }

  /**
   * Sets an option by its name to a value that must not be shown. The array may be wiped afterwards.
   *
   * @param name its name, such as {@code password}
   * @param value its value
   * @return this
   */
  public FlyMQClientBuilder option(String name, char[] value) {
    options.set(name, value);
    return this;
  }

  /**
   * Sets options by their names.
   *
   * @param values values by name
   * @return this
   */
  public FlyMQClientBuilder options(Map<String, String> values) {
    values.forEach(options::set);
    return this;
  }

  /**
   * A name for the broker's logs. Default {@code flymq}.
   *
   * @param id the name
   * @return this
   */
  public FlyMQClientBuilder clientId(String id) {
    return option("client_id", id);
  }

  /**
   * The name of the producer behind {@link FlyMQClient#beginTransaction()}. Default a random one.
   *
   * @param id 1 to 255 bytes, the same after each restart of the program
   * @return this
   */
  public FlyMQClientBuilder transactionalId(String id) {
    return option("transactional_id", id);
  }

  /**
   * How long making a connection may take. Default 10 s.
   *
   * @param timeout the time
   * @return this
   */
  public FlyMQClientBuilder connectTimeout(Duration timeout) {
    options.set("connect_timeout_ms", timeout);
    return this;
  }

  /**
   * How long a request may take, retries included. Default 30 s.
   *
   * @param timeout the time
   * @return this
   */
  public FlyMQClientBuilder requestTimeout(Duration timeout) {
    options.set("request_timeout_ms", timeout);
    return this;
  }

  /**
   * The first and the longest pause before trying again; it doubles each time. Default 50 ms and 2 s.
   *
   * @param initial the first pause
   * @param max the longest pause
   * @return this
   */
  public FlyMQClientBuilder backoff(Duration initial, Duration max) {
    options.set("backoff_initial_ms", initial);
    options.set("backoff_max_ms", max);
    return this;
  }

  /**
   * Who to log in as, with a password. The array may be wiped afterwards.
   *
   * @param username the user
   * @param password the password
   * @return this
   */
  public FlyMQClientBuilder credentials(String username, char[] password) {
    option("username", username);
    return option("password", password);
  }

  /**
   * Who to log in as, with a password in the first line of a file.
   *
   * @param username the user
   * @param passwordFile the file
   * @return this
   */
  public FlyMQClientBuilder credentials(String username, Path passwordFile) {
    option("username", username);
    return option("password_file", passwordFile.toString());
  }

  /**
   * How to log in. Default {@link Mechanism#AUTO}.
   *
   * @param mechanism the mechanism
   * @return this
   */
  public FlyMQClientBuilder saslMechanism(Mechanism mechanism) {
    return option("sasl_mechanism", mechanism.option());
  }

  /**
   * Whether to send the password itself even where others may read it, if the broker takes nothing else.
   * Default no.
   *
   * @param allow whether to do so
   * @return this
   */
  public FlyMQClientBuilder allowPlainWithoutTls(boolean allow) {
    options.set("allow_plain_without_tls", allow);
    return this;
  }

  /**
   * Whether connections are secured by TLS. Default no.
   *
   * @param enabled whether they are
   * @return this
   */
  public FlyMQClientBuilder tls(boolean enabled) {
    options.set("tls_enabled", enabled);
    return this;
  }

  /**
   * Whom to trust in place of the operating system's certificate authorities.
   *
   * @param file certificates in PEM form
   * @return this
   */
  public FlyMQClientBuilder tlsCa(Path file) {
    return option("tls_ca_file", file.toString());
  }

  /**
   * As {@link #tlsCa(Path)}, the text itself.
   *
   * @param pem certificates in PEM form
   * @return this
   */
  public FlyMQClientBuilder tlsCaPem(String pem) {
    return option("tls_ca_pem", pem);
  }

  /**
   * The client's own certificate and its key, for brokers that ask for one.
   *
   * @param certificate the certificate in PEM form, followed by those that lead from it to a root
   * @param key its private key in PEM form, not encrypted
   * @return this
   */
  public FlyMQClientBuilder tlsCertificate(Path certificate, Path key) {
    option("tls_cert_file", certificate.toString());
    return option("tls_key_file", key.toString());
  }

  /**
   * As {@link #tlsCertificate(Path, Path)}, the texts themselves. The array may be wiped afterwards.
   *
   * @param certificate the certificate in PEM form
   * @param key its private key in PEM form
   * @return this
   */
  public FlyMQClientBuilder tlsCertificatePem(String certificate, char[] key) {
    option("tls_cert_pem", certificate);
    return option("tls_key_pem", key);
  }

  /**
   * The name that the broker's certificate must have. Default the host connected to.
   *
   * @param name the name
   * @return this
   */
  public FlyMQClientBuilder tlsServerName(String name) {
    return option("tls_server_name", name);
  }

  /**
   * The lowest version of TLS that is spoken. Default 1.2.
   *
   * @param version {@code 1.2} or {@code 1.3}
   * @return this
   */
  public FlyMQClientBuilder tlsMinVersion(String version) {
    return option("tls_min_version", version);
  }

  /**
   * Whether to take any certificate of a broker, which secures nothing. For trying things out. Default
   * no.
   *
   * @param skip whether to do so
   * @return this
   */
  public FlyMQClientBuilder tlsInsecureSkipVerify(boolean skip) {
    options.set("tls_insecure_skip_verify", skip);
    return this;
  }

  /**
   * Encrypts what is sent and decrypts what is read with a key. The array may be wiped afterwards.
   *
   * @param key 32 bytes, as base64 or hex
   * @return this
   */
  public FlyMQClientBuilder encryptionKey(char[] key) {
    return option("encryption_key", key);
  }

  /**
   * Encrypts what is sent with a keyring's current key, and decrypts what is read with any of its keys.
   *
   * @param keyring the keyring; it may be changed while clients run, and be used by several
   * @return this
   */
  public FlyMQClientBuilder encryption(Keyring keyring) {
    this.keyring = keyring;
    return this;
  }

  /**
   * Whether headers of records are encrypted too. Default no.
   *
   * @param encrypt whether they are
   * @return this
   */
  public FlyMQClientBuilder encryptHeaders(boolean encrypt) {
    options.set("encrypt_headers", encrypt);
    return this;
  }

  /**
   * Whether records that are not encrypted are refused. Default no.
   *
   * @param refuse whether they are
   * @return this
   */
  public FlyMQClientBuilder refusePlain(boolean refuse) {
    options.set("refuse_plain", refuse);
    return this;
  }

  /**
   * Whether encrypted records are decrypted, or read as they are stored. Default yes.
   *
   * @param decrypt whether they are
   * @return this
   */
  public FlyMQClientBuilder decrypt(boolean decrypt) {
    options.set("decrypt", decrypt);
    return this;
  }

  /**
   * Where futures are completed, and so where the application's code that hangs on them runs. Default a
   * pool of daemon threads. With one thread only, that code must not wait for other futures.
   *
   * @param executor the executor
   * @return this
   */
  public FlyMQClientBuilder executor(Executor executor) {
    this.executor = executor;
    return this;
  }

  /**
   * Connects.
   *
   * @return the client
   * @throws io.flymq.client.errors.InvalidArgumentException for addresses or options that are not valid
   * @throws io.flymq.client.errors.ConnectFailedException if no broker answers within the connect
   *     time-out
   * @throws io.flymq.client.errors.TlsFailedException if the connection cannot be secured
   * @throws io.flymq.client.errors.SessionException if the broker does not accept the credentials, or
   *     wants some
   */
  public FlyMQClient connect() {
    Out out = new Out();
    write(out);
    try {
      return new FlyMQClient(Call.open(Native::clientConnect, 0, out), executor);
    } finally {
      out.wipe();
    }
  }

  /**
   * Connects a pool of up to so many clients with these options.
   *
   * @param size how many clients there may be, 1 to 10,000
   * @return the pool
   * @throws io.flymq.client.errors.FlyMQException as {@link #connect()}
   */
  public FlyMQClientPool pool(int size) {
    Out out = new Out();
    write(out);
    out.int32(size);
    try {
      return new FlyMQClientPool(Call.open(Native::poolOpen, 0, out), size, executor);
    } finally {
      out.wipe();
    }
  }

  private void write(Out out) {
    out.text(addresses);
    options.write(out);
    out.optional(keyring == null ? null : Long.valueOf(keyring.handle()));
  }

  @Override
  public String toString() {
    return "FlyMQClientBuilder[addresses=" + addresses + ", options=" + options + "]";
  }
}
