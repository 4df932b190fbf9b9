package io.flymq.spring.boot;

import io.flymq.client.Compression;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.util.unit.DataSize;

/** How records are sent. */
public class ProducerProperties {
  /** How long a record may wait for others to share its batch. By default 5 ms. */
  private @Nullable Duration linger;

  /** At what size a batch is sent without waiting longer; one that has to wait for others takes more. By default 128 KB. */
  private @Nullable DataSize batchSize;

  /** How many bytes of records may be unacknowledged; sending more waits. By default 32 MB. */
  private @Nullable DataSize bufferSize;

  /** How many batches of a partition may be under way at a time, 1 to 5. By default 5. */
  private @Nullable Integer maxInFlight;

  /** How batches are compressed. By default not at all. */
  private @Nullable Compression compression;

  /** After how long a record that could not be delivered is given up. By default 120 s. */
  private @Nullable Duration deliveryTimeout;

  /** How many records may be unconfirmed; sending more waits. By default 50000. */
  private @Nullable Integer maxUnconfirmed;

  /** How long sending may wait for room. By default 60 s. */
  private @Nullable Duration enqueueTimeout;

  /**
   * What names of transactional producers begin with; makes @Transactional and executeInTransaction work.
   * Each running instance of the application needs its own, the same after a restart.
   */
  private @Nullable String transactionIdPrefix;

  /** How long a transaction may be open before the broker aborts it. By default 15 s. */
  private @Nullable Duration transactionTimeout;

  /** Options of producers by their names. They go before the other properties. */
  private Map<String, String> properties = new LinkedHashMap<>();

  /** Default properties. */
  public ProducerProperties() {}

  /** {@return the property linger} */
  public @Nullable Duration getLinger() {
    return linger;
  }

  /**
   * Sets it.
   *
   * @param linger the property linger
   */
  public void setLinger(@Nullable Duration linger) {
    this.linger = linger;
  }

  /** {@return the property batch-size} */
  public @Nullable DataSize getBatchSize() {
    return batchSize;
  }

  /**
   * Sets it.
   *
   * @param batchSize the property batch-size
   */
  public void setBatchSize(@Nullable DataSize batchSize) {
    this.batchSize = batchSize;
  }

  /** {@return the property buffer-size} */
  public @Nullable DataSize getBufferSize() {
    return bufferSize;
  }

  /**
   * Sets it.
   *
   * @param bufferSize the property buffer-size
   */
  public void setBufferSize(@Nullable DataSize bufferSize) {
    this.bufferSize = bufferSize;
  }

  /** {@return the property max-in-flight} */
  public @Nullable Integer getMaxInFlight() {
    return maxInFlight;
  }

  /**
   * Sets it.
   *
   * @param maxInFlight the property max-in-flight
   */
  public void setMaxInFlight(@Nullable Integer maxInFlight) {
    this.maxInFlight = maxInFlight;
  }

  /** {@return the property compression} */
  public @Nullable Compression getCompression() {
    return compression;
  }

  /**
   * Sets it.
   *
   * @param compression the property compression
   */
  public void setCompression(@Nullable Compression compression) {
    this.compression = compression;
  }

  /** {@return the property delivery-timeout} */
  public @Nullable Duration getDeliveryTimeout() {
    return deliveryTimeout;
  }

  /**
   * Sets it.
   *
   * @param deliveryTimeout the property delivery-timeout
   */
  public void setDeliveryTimeout(@Nullable Duration deliveryTimeout) {
    this.deliveryTimeout = deliveryTimeout;
  }

  /** {@return the property max-unconfirmed} */
  public @Nullable Integer getMaxUnconfirmed() {
    return maxUnconfirmed;
  }

  /**
   * Sets it.
   *
   * @param maxUnconfirmed the property max-unconfirmed
   */
  public void setMaxUnconfirmed(@Nullable Integer maxUnconfirmed) {
    this.maxUnconfirmed = maxUnconfirmed;
  }

  /** {@return the property enqueue-timeout} */
  public @Nullable Duration getEnqueueTimeout() {
    return enqueueTimeout;
  }

  /**
   * Sets it.
   *
   * @param enqueueTimeout the property enqueue-timeout
   */
  public void setEnqueueTimeout(@Nullable Duration enqueueTimeout) {
    this.enqueueTimeout = enqueueTimeout;
  }

  /** {@return the property transaction-id-prefix} */
  public @Nullable String getTransactionIdPrefix() {
    return transactionIdPrefix;
  }

  /**
   * Sets it.
   *
   * @param transactionIdPrefix the property transaction-id-prefix
   */
  public void setTransactionIdPrefix(@Nullable String transactionIdPrefix) {
    this.transactionIdPrefix = transactionIdPrefix;
  }

  /** {@return the property transaction-timeout} */
  public @Nullable Duration getTransactionTimeout() {
    return transactionTimeout;
  }

  /**
   * Sets it.
   *
   * @param transactionTimeout the property transaction-timeout
   */
  public void setTransactionTimeout(@Nullable Duration transactionTimeout) {
    this.transactionTimeout = transactionTimeout;
  }

  /** {@return the property properties} */
  public Map<String, String> getProperties() {
    return properties;
  }

  /**
   * Sets it.
   *
   * @param properties the property properties
   */
  public void setProperties(Map<String, String> properties) {
    this.properties = properties;
  }
}
