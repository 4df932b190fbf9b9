package io.flymq.spring.boot;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A broker inside the application, in place of another one. For development and tests. */
public class EmbeddedProperties {
  /** Whether to start it. */
  private boolean enabled = false;

  /** The port to listen on, on 127.0.0.1; 0 for a free one. */
  private int port = 0;

  /** Folder with its data, which stays. By default a temporary one that is removed in the end. */
  private @Nullable Path dataDir;

  /** Whether a record is acknowledged only once it is on the disk. */
  private boolean fsync = true;

  /** Default properties. */
  public EmbeddedProperties() {}

  /** {@return the property enabled} */
  public boolean isEnabled() {
    return enabled;
  }

  /**
   * Sets it.
   *
   * @param enabled the property enabled
   */
  public void setEnabled(boolean enabled) {
    this.enabled = enabled;
  }

  /** {@return the property port} */
  public int getPort() {
    return port;
  }

  /**
   * Sets it.
   *
   * @param port the property port
   */
  public void setPort(int port) {
    this.port = port;
  }

  /** {@return the property data-dir} */
  public @Nullable Path getDataDir() {
    return dataDir;
  }

  /**
   * Sets it.
   *
   * @param dataDir the property data-dir
   */
  public void setDataDir(@Nullable Path dataDir) {
    this.dataDir = dataDir;
  }

  /** {@return the property fsync} */
  public boolean isFsync() {
    return fsync;
  }

  /**
   * Sets it.
   *
   * @param fsync the property fsync
   */
  public void setFsync(boolean fsync) {
    this.fsync = fsync;
  }
}
