package io.flymq.client;

import io.flymq.client.internal.Call;
import io.flymq.client.internal.ExitHooks;
import io.flymq.client.internal.Handle;
import io.flymq.client.internal.In;
import io.flymq.client.internal.Native;
import io.flymq.client.internal.Out;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A FlyMQ broker inside the JVM, listening on 127.0.0.1. For tests, and for programs that need no other.
 *
 * <pre>{@code
 * try (EmbeddedBroker broker = EmbeddedBroker.start();
 *     FlyMQClient client = FlyMQClient.connect(broker.address())) {
 *   …
 * }
 * }</pre>
 */
public final class EmbeddedBroker implements AutoCloseable {
  private final Handle handle;
  private final int port;
  private final Path dataDir;

  private EmbeddedBroker(In started, boolean closeOnExit) {
    long number = started.int64();
    this.handle = new Handle(this, "broker", number);
    this.port = started.int32();
    this.dataDir = Path.of(started.text());
    if (closeOnExit) {
      ExitHooks.closeLast(this);
    }
  }

  /**
   * Starts a broker on a free port, with its data in a temporary folder that is removed when it is closed.
   *
   * @return the broker
   */
  public static EmbeddedBroker start() {
    return builder().start();
  }

  /** {@return options of a broker} */
  public static Builder builder() {
    return new Builder();
  }

  /** {@return where clients connect to, as {@code host:port}} */
  public String address() {
    return "127.0.0.1:" + port;
  }

  /** {@return the port it listens on} */
  public int port() {
    return port;
  }

  /** {@return the folder with its data} */
  public Path dataDir() {
    return dataDir;
  }

  /** {@return whether {@link #close()} was called} */
  public boolean isClosed() {
    return handle.isClosed();
  }

  /** Stops the broker: requests under way end, the data is safe on the disk. Harmless when closed. */
  @Override
  public void close() {
    handle.close(number -> Call.wait(Native::embeddedStop, number, new Out()));
  }

  @Override
  public String toString() {
    return "EmbeddedBroker[address=" + address() + ", dataDir=" + dataDir + "]";
  }

  /** Whether clients have to show a certificate. */
  public enum ClientAuth {
    /** They are not asked to. */
    NONE,
    /** They may; one that is shown must be valid. */
    OPTIONAL,
    /** They must. */
    REQUIRED
  }

  /** Options of a broker. */
  public static final class Builder {
    private @Nullable Path dataDir;
    private int port;
    private boolean fsync = true;
    private boolean closeOnExit = true;
    private @Nullable Map<String, char[]> users;
    private @Nullable Object certificate;
    private @Nullable Object key;
    private @Nullable Object clientCa;
    private ClientAuth clientAuth = ClientAuth.NONE;
    private boolean onlyTls13;

    private Builder() {}

    /**
     * Where its data is, and stays for the next broker on the same folder. Default a temporary folder.
     *
     * @param folder the folder, which is made if it is not there
     * @return this
     */
    public Builder dataDir(Path folder) {
      this.dataDir = folder;
      return this;
    }

    /**
     * The port to listen on. Default a free one.
     *
     * @param port the port; 0 for a free one
     * @return this
     */
    public Builder port(int port) {
      this.port = port;
      return this;
    }

    /**
     * Whether a record is acknowledged once it is on the disk, or, which survives the death of the JVM but
     * not of the machine, once the operating system has it. Default on the disk.
     *
     * @param fsync whether it has to be on the disk
     * @return this
     */
    public Builder fsync(boolean fsync) {
      this.fsync = fsync;
      return this;
    }

    /**
     * Adds a user that may do everything; clients have to log in then. Users that the data folder has
     * already keep their passwords and rights.
     *
     * @param name the user
     * @param password its password
     * @return this
     */
    public Builder user(String name, char[] password) {
      if (users == null) {
        users = new LinkedHashMap<>();
      }
      users.put(name, password.clone());
      return this;
    }

    /**
     * Takes connections within TLS only.
     *
     * @param certificate a certificate in PEM form
     * @param key its private key in PEM form, not encrypted
     * @return this
     */
    public Builder tls(Path certificate, Path key) {
      this.certificate = certificate;
      this.key = key;
      return this;
    }

    /**
     * As {@link #tls(Path, Path)}, the texts themselves.
     *
     * @param certificate a certificate in PEM form
     * @param key its private key in PEM form
     * @return this
     */
    public Builder tlsPem(String certificate, String key) {
      this.certificate = certificate;
      this.key = key;
      return this;
    }

    /**
     * Whose certificates clients may show.
     *
     * @param certificates certificates in PEM form
     * @param auth whether they have to
     * @return this
     */
    public Builder tlsClientCa(Path certificates, ClientAuth auth) {
      this.clientCa = certificates;
      this.clientAuth = auth;
      return this;
    }

    /**
     * As {@link #tlsClientCa(Path, ClientAuth)}, the text itself.
     *
     * @param certificates certificates in PEM form
     * @param auth whether they have to
     * @return this
     */
    public Builder tlsClientCaPem(String certificates, ClientAuth auth) {
      this.clientCa = certificates;
      this.clientAuth = auth;
      return this;
    }

    /**
     * Speaks TLS 1.3 only. Default 1.2 too.
     *
     * @param only whether to do so
     * @return this
     */
    public Builder onlyTls13(boolean only) {
      this.onlyTls13 = only;
      return this;
    }

    /**
     * Whether it is closed, and its temporary folder removed, when the JVM exits. Turn it off where
     * something else closes it then, in an order of its own. Default on.
     *
     * @param close whether it is
     * @return this
     */
    public Builder closeOnExit(boolean close) {
      this.closeOnExit = close;
      return this;
    }

    /**
     * Starts the broker.
     *
     * @return the broker
     * @throws io.flymq.client.errors.InvalidArgumentException for options that are not valid, or a port
     *     that is taken
     * @throws io.flymq.client.errors.StorageFailedException if the data folder cannot be used
     */
    public EmbeddedBroker start() {
      Out out = new Out().text(dataDir == null ? null : dataDir.toString()).int32(port).flag(!fsync);
      out.flag(users != null);
      if (users != null) {
        out.list(
            users.entrySet(),
            (all, user) -> all.text(user.getKey()).secret(user.getValue()));
      }
      pem(out, certificate);
      pem(out, key);
      pem(out, clientCa);
      out.int32(clientAuth.ordinal()).flag(onlyTls13);
      try {
        return new EmbeddedBroker(Call.openAnd(Native::embeddedStart, 0, out), closeOnExit);
      } finally {
        out.wipe();
      }
    }

    private static void pem(Out out, @Nullable Object pem) {
      out.flag(pem != null);
      if (pem instanceof Path file) {
        out.flag(true).text(file.toString());
      } else if (pem != null) {
        out.flag(false).bytes(pem.toString().getBytes(StandardCharsets.UTF_8));
      }
    }
  }
}
