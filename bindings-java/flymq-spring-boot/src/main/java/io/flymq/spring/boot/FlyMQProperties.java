package io.flymq.spring.boot;

import io.flymq.client.Mechanism;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.NestedConfigurationProperty;

/**
 * Options of FlyMQ: {@code flymq.*}. What is not set is as the client has it, which takes some of it from
 * {@code FLYMQ_*} variables of the environment.
 */
@ConfigurationProperties("flymq")
public class FlyMQProperties {
  /**
   * Brokers to begin with, each as host:port, or one flymq:// or flymqs:// URL. By default those of the
   * environment variable FLYMQ_BOOTSTRAP_SERVERS, else localhost:9092.
   */
  private @Nullable List<String> bootstrapServers;

  /** Name for the broker's logs. By default spring.application.name. */
  private @Nullable String clientId;

  /** How long making a connection may take. By default 10 s. */
  private @Nullable Duration connectTimeout;

  /** How long a request may take, retries included. By default 30 s. */
  private @Nullable Duration requestTimeout;

  /** How long to go on trying if no broker can be reached when the application starts. */
  private Duration startupTimeout = Duration.ofSeconds(0);

  /** User to log in as. */
  private @Nullable String username;

  /** The user's password. */
  private @Nullable String password;

  /** File whose first line is the user's password. */
  private @Nullable Path passwordFile;

  /** How to log in. By default the best that the broker takes. */
  private @Nullable Mechanism saslMechanism;

  /**
   * Whether to send the password itself even where others may read it, if the broker takes nothing else. By
   * default no.
   */
  private @Nullable Boolean allowPlainWithoutTls;

  /**
   * Options of the client by their names, dashes or underscores between words. They go before the other
   * properties.
   */
  private Map<String, String> properties = new LinkedHashMap<>();

  @NestedConfigurationProperty
  private final RetryProperties retry = new RetryProperties();

  @NestedConfigurationProperty
  private final SslProperties ssl = new SslProperties();

  @NestedConfigurationProperty
  private final EncryptionProperties encryption = new EncryptionProperties();

  @NestedConfigurationProperty
  private final ProducerProperties producer = new ProducerProperties();

  @NestedConfigurationProperty
  private final ConsumerProperties consumer = new ConsumerProperties();

  @NestedConfigurationProperty
  private final ListenerProperties listener = new ListenerProperties();

  @NestedConfigurationProperty
  private final TemplateProperties template = new TemplateProperties();

  @NestedConfigurationProperty
  private final AdminProperties admin = new AdminProperties();

  @NestedConfigurationProperty
  private final EmbeddedProperties embedded = new EmbeddedProperties();

  @NestedConfigurationProperty
  private final HealthProperties health = new HealthProperties();

  /** Default properties. */
  public FlyMQProperties() {}

  /** {@return the property bootstrap-servers} */
  public @Nullable List<String> getBootstrapServers() {
    return bootstrapServers;
  }

  /**
   * Sets it.
   *
   * @param bootstrapServers the property bootstrap-servers
   */
  public void setBootstrapServers(@Nullable List<String> bootstrapServers) {
    this.bootstrapServers = bootstrapServers;
  }

  /** {@return the property client-id} */
  public @Nullable String getClientId() {
    return clientId;
  }

  /**
   * Sets it.
   *
   * @param clientId the property client-id
   */
  public void setClientId(@Nullable String clientId) {
    this.clientId = clientId;
  }

  /** {@return the property connect-timeout} */
  public @Nullable Duration getConnectTimeout() {
    return connectTimeout;
  }

  /**
   * Sets it.
   *
   * @param connectTimeout the property connect-timeout
   */
  public void setConnectTimeout(@Nullable Duration connectTimeout) {
    this.connectTimeout = connectTimeout;
  }

  /** {@return the property request-timeout} */
  public @Nullable Duration getRequestTimeout() {
    return requestTimeout;
  }

  /**
   * Sets it.
   *
   * @param requestTimeout the property request-timeout
   */
  public void setRequestTimeout(@Nullable Duration requestTimeout) {
    this.requestTimeout = requestTimeout;
  }

  /** {@return the property startup-timeout} */
  public Duration getStartupTimeout() {
    return startupTimeout;
  }

  /**
   * Sets it.
   *
   * @param startupTimeout the property startup-timeout
   */
  public void setStartupTimeout(Duration startupTimeout) {
    this.startupTimeout = startupTimeout;
  }

  /** {@return the property username} */
  public @Nullable String getUsername() {
    return username;
  }

  /**
   * Sets it.
   *
   * @param username the property username
   */
  public void setUsername(@Nullable String username) {
    this.username = username;
  }

  /** {@return the property password} */
  public @Nullable String getPassword() {
    return password;
  }

  /**
   * Sets it.
   *
   * @param password the property password
   */
  public void setPassword(@Nullable String password) {
    this.password = password;
  }

  /** {@return the property password-file} */
  public @Nullable Path getPasswordFile() {
    return passwordFile;
  }

  /**
   * Sets it.
   *
   * @param passwordFile the property password-file
   */
  public void setPasswordFile(@Nullable Path passwordFile) {
    this.passwordFile = passwordFile;
  }

  /** {@return the property sasl-mechanism} */
  public @Nullable Mechanism getSaslMechanism() {
    return saslMechanism;
  }

  /**
   * Sets it.
   *
   * @param saslMechanism the property sasl-mechanism
   */
  public void setSaslMechanism(@Nullable Mechanism saslMechanism) {
    this.saslMechanism = saslMechanism;
  }

  /** {@return the property allow-plain-without-tls} */
  public @Nullable Boolean getAllowPlainWithoutTls() {
    return allowPlainWithoutTls;
  }

  /**
   * Sets it.
   *
   * @param allowPlainWithoutTls the property allow-plain-without-tls
   */
  public void setAllowPlainWithoutTls(@Nullable Boolean allowPlainWithoutTls) {
    this.allowPlainWithoutTls = allowPlainWithoutTls;
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

  /** {@return the properties below retry} */
  public RetryProperties getRetry() {
    return retry;
  }

  /** {@return the properties below ssl} */
  public SslProperties getSsl() {
    return ssl;
  }

  /** {@return the properties below encryption} */
  public EncryptionProperties getEncryption() {
    return encryption;
  }

  /** {@return the properties below producer} */
  public ProducerProperties getProducer() {
    return producer;
  }

  /** {@return the properties below consumer} */
  public ConsumerProperties getConsumer() {
    return consumer;
  }

  /** {@return the properties below listener} */
  public ListenerProperties getListener() {
    return listener;
  }

  /** {@return the properties below template} */
  public TemplateProperties getTemplate() {
    return template;
  }

  /** {@return the properties below admin} */
  public AdminProperties getAdmin() {
    return admin;
  }

  /** {@return the properties below embedded} */
  public EmbeddedProperties getEmbedded() {
    return embedded;
  }

  /** {@return the properties below health} */
  public HealthProperties getHealth() {
    return health;
  }
}
