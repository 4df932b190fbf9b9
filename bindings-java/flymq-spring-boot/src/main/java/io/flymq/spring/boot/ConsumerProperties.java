package io.flymq.spring.boot;

import io.flymq.client.Assignor;
import io.flymq.client.Isolation;
import io.flymq.client.OffsetReset;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.util.unit.DataSize;

/** How records are read. */
public class ConsumerProperties {
  /** Group of listeners that name no other. */
  private @Nullable String groupId;

  /** Where to begin if the group has committed nothing. By default at the earliest record. */
  private @Nullable OffsetReset autoOffsetReset;

  /** Which records of transactions are seen. By default those of committed ones. */
  private @Nullable Isolation isolation;

  /** How the group's partitions are shared. By default sticky. */
  private @Nullable Assignor assignor;

  /** How many records a poll returns at most. */
  private int maxPollRecords = 500;

  /** How long handling what a poll returned may take. By default 5 min. */
  private @Nullable Duration maxPollInterval;

  /** After how long without a sign of life others get the consumer's partitions. By default 45 s. */
  private @Nullable Duration sessionTimeout;

  /** How long the consumer may take to give partitions up. By default 60 s. */
  private @Nullable Duration rebalanceTimeout;

  /** How long the broker may wait for records before it answers. By default 500 ms. */
  private @Nullable Duration fetchMaxWait;

  /** How many bytes the broker collects before it answers. By default 1. */
  private @Nullable DataSize fetchMinSize;

  /** How many bytes of records are asked for at a time. By default 4 MB. */
  private @Nullable DataSize fetchSize;

  /** How many bytes may be read ahead. By default 16 MB. */
  private @Nullable DataSize prefetchSize;

  /**
   * What to do about a record that cannot be decrypted: error, skip, dead_letter or dead_letter:TOPIC. By
   * default error.
   */
  private @Nullable String onUndecryptable;

  /** Options of consumers by their names. They go before the other properties. */
  private Map<String, String> properties = new LinkedHashMap<>();

  /** Default properties. */
  public ConsumerProperties() {}

  /** {@return the property group-id} */
  public @Nullable String getGroupId() {
    return groupId;
  }

  /**
   * Sets it.
   *
   * @param groupId the property group-id
   */
  public void setGroupId(@Nullable String groupId) {
    this.groupId = groupId;
  }

  /** {@return the property auto-offset-reset} */
  public @Nullable OffsetReset getAutoOffsetReset() {
    return autoOffsetReset;
  }

  /**
   * Sets it.
   *
   * @param autoOffsetReset the property auto-offset-reset
   */
  public void setAutoOffsetReset(@Nullable OffsetReset autoOffsetReset) {
    this.autoOffsetReset = autoOffsetReset;
  }

  /** {@return the property isolation} */
  public @Nullable Isolation getIsolation() {
    return isolation;
  }

  /**
   * Sets it.
   *
   * @param isolation the property isolation
   */
  public void setIsolation(@Nullable Isolation isolation) {
    this.isolation = isolation;
  }

  /** {@return the property assignor} */
  public @Nullable Assignor getAssignor() {
    return assignor;
  }

  /**
   * Sets it.
   *
   * @param assignor the property assignor
   */
  public void setAssignor(@Nullable Assignor assignor) {
    this.assignor = assignor;
  }

  /** {@return the property max-poll-records} */
  public int getMaxPollRecords() {
    return maxPollRecords;
  }

  /**
   * Sets it.
   *
   * @param maxPollRecords the property max-poll-records
   */
  public void setMaxPollRecords(int maxPollRecords) {
    this.maxPollRecords = maxPollRecords;
  }

  /** {@return the property max-poll-interval} */
  public @Nullable Duration getMaxPollInterval() {
    return maxPollInterval;
  }

  /**
   * Sets it.
   *
   * @param maxPollInterval the property max-poll-interval
   */
  public void setMaxPollInterval(@Nullable Duration maxPollInterval) {
    this.maxPollInterval = maxPollInterval;
  }

  /** {@return the property session-timeout} */
  public @Nullable Duration getSessionTimeout() {
    return sessionTimeout;
  }

  /**
   * Sets it.
   *
   * @param sessionTimeout the property session-timeout
   */
  public void setSessionTimeout(@Nullable Duration sessionTimeout) {
    this.sessionTimeout = sessionTimeout;
  }

  /** {@return the property rebalance-timeout} */
  public @Nullable Duration getRebalanceTimeout() {
    return rebalanceTimeout;
  }

  /**
   * Sets it.
   *
   * @param rebalanceTimeout the property rebalance-timeout
   */
  public void setRebalanceTimeout(@Nullable Duration rebalanceTimeout) {
    this.rebalanceTimeout = rebalanceTimeout;
  }

  /** {@return the property fetch-max-wait} */
  public @Nullable Duration getFetchMaxWait() {
    return fetchMaxWait;
  }

  /**
   * Sets it.
   *
   * @param fetchMaxWait the property fetch-max-wait
   */
  public void setFetchMaxWait(@Nullable Duration fetchMaxWait) {
    this.fetchMaxWait = fetchMaxWait;
  }

  /** {@return the property fetch-min-size} */
  public @Nullable DataSize getFetchMinSize() {
    return fetchMinSize;
  }

  /**
   * Sets it.
   *
   * @param fetchMinSize the property fetch-min-size
   */
  public void setFetchMinSize(@Nullable DataSize fetchMinSize) {
    this.fetchMinSize = fetchMinSize;
  }

  /** {@return the property fetch-size} */
  public @Nullable DataSize getFetchSize() {
    return fetchSize;
  }

  /**
   * Sets it.
   *
   * @param fetchSize the property fetch-size
   */
  public void setFetchSize(@Nullable DataSize fetchSize) {
    this.fetchSize = fetchSize;
  }

  /** {@return the property prefetch-size} */
  public @Nullable DataSize getPrefetchSize() {
    return prefetchSize;
  }

  /**
   * Sets it.
   *
   * @param prefetchSize the property prefetch-size
   */
  public void setPrefetchSize(@Nullable DataSize prefetchSize) {
    this.prefetchSize = prefetchSize;
  }

  /** {@return the property on-undecryptable} */
  public @Nullable String getOnUndecryptable() {
    return onUndecryptable;
  }

  /**
   * Sets it.
   *
   * @param onUndecryptable the property on-undecryptable
   */
  public void setOnUndecryptable(@Nullable String onUndecryptable) {
    this.onUndecryptable = onUndecryptable;
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
