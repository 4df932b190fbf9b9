package io.flymq.spring.boot;

import io.flymq.client.EmbeddedBroker;
import io.flymq.client.FlyMQClient;
import io.flymq.client.FlyMQClientBuilder;
import io.flymq.client.Keyring;
import io.flymq.client.NewTopic;
import io.flymq.spring.FlyMQClientCustomizer;
import io.flymq.spring.FlyMQConsumerCustomizer;
import io.flymq.spring.FlyMQConsumerFactory;
import io.flymq.spring.FlyMQProducerCustomizer;
import io.flymq.spring.FlyMQProducerFactory;
import io.flymq.spring.FlyMQTemplate;
import io.flymq.spring.TopicCreator;
import io.flymq.spring.converter.PayloadConverter;
import io.flymq.spring.converter.RecordConverter;
import io.flymq.spring.observation.FlyMQReceiveConvention;
import io.flymq.spring.observation.FlyMQSendConvention;
import io.micrometer.observation.ObservationRegistry;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.ssl.SslBundle;
import org.springframework.boot.ssl.SslBundles;
import org.springframework.context.annotation.Bean;

/** The client, and what sends and reads through it. */
@AutoConfiguration(
    afterName = {
      "org.springframework.boot.autoconfigure.ssl.SslAutoConfiguration",
      "org.springframework.boot.actuate.autoconfigure.observation.ObservationAutoConfiguration",
      "org.springframework.boot.micrometer.observation.autoconfigure.ObservationAutoConfiguration"
    },
    after = FlyMQJacksonAutoConfiguration.class)
@EnableConfigurationProperties(FlyMQProperties.class)
public class FlyMQAutoConfiguration {
  /** Made by Spring Boot. */
  public FlyMQAutoConfiguration() {}

  @Bean
  @ConditionalOnMissingBean
  @ConditionalOnProperty("flymq.embedded.enabled")
  EmbeddedBroker flyMQEmbeddedBroker(FlyMQProperties properties) {
    EmbeddedProperties embedded = properties.getEmbedded();
    EmbeddedBroker.Builder builder =
        EmbeddedBroker.builder()
            .port(embedded.getPort())
            .fsync(embedded.isFsync())
            .closeOnExit(false);
    Path dataDir = embedded.getDataDir();
    return (dataDir == null ? builder : builder.dataDir(dataDir)).start();
  }

  @Bean
  @ConditionalOnMissingBean
  FlyMQConnectionDetails flyMQConnectionDetails(
      FlyMQProperties properties, ObjectProvider<EmbeddedBroker> embedded) {
    EmbeddedBroker broker =
        properties.getEmbedded().isEnabled() ? embedded.getIfAvailable() : null;
    return broker != null ? broker::address : new PropertiesConnectionDetails(properties);
  }

  private record PropertiesConnectionDetails(FlyMQProperties properties)
      implements FlyMQConnectionDetails {
    @Override
    public @Nullable String getBootstrapServers() {
      var servers = properties.getBootstrapServers();
      return servers == null || servers.isEmpty() ? null : String.join(",", servers);
    }

    @Override
    public @Nullable String getUsername() {
      return properties.getUsername();
    }

    @Override
    public @Nullable String getPassword() {
      return properties.getPassword();
    }
  }

  @Bean
  @ConditionalOnMissingBean
  FlyMQClient flyMQClient(
      FlyMQProperties properties,
      FlyMQConnectionDetails details,
      ObjectProvider<SslBundles> bundles,
      ObjectProvider<Keyring> keyring,
      ObjectProvider<FlyMQClientCustomizer> customizers,
      @Value("${spring.application.name:}") String applicationName) {
    FlyMQClientBuilder builder = FlyMQClient.builder();
    String addresses = details.getBootstrapServers();
    if (addresses != null) {
      builder.addresses(addresses);
    }
    if (!applicationName.isEmpty()) {
      builder.clientId(applicationName);
    }
    secure(builder, properties.getSsl(), details.getSslBundle(), bundles);
    String username = details.getUsername();
    if (username != null) {
      builder.option("username", username);
    }
    secret(builder, "password", details.getPassword());
    secret(builder, "encryption_key", properties.getEncryption().getKey());
    secret(builder, "encryption_keyring", properties.getEncryption().getKeyring());
    keyring.ifAvailable(builder::encryption);
    builder.options(Options.client(properties));
    customizers.orderedStream().forEach(customizer -> customizer.customize(builder));
    return ClientConnector.connect(builder, properties.getStartupTimeout());
  }

  private static void secret(FlyMQClientBuilder builder, String name, @Nullable String value) {
    if (value != null) {
      builder.option(name, value.toCharArray());
    }
  }

  private static void secure(
      FlyMQClientBuilder builder,
      SslProperties ssl,
      @Nullable SslBundle given,
      ObjectProvider<SslBundles> bundles) {
    SslBundle bundle = given;
    String name = ssl.getBundle();
    if (bundle == null && name != null) {
      bundle = bundles.getObject().getBundle(name);
    }
    if (bundle == null) {
      return;
    }
    SslBundlePem pem = SslBundlePem.of(bundle);
    builder.tls(true);
    if (pem.trusted() != null) {
      builder.tlsCaPem(pem.trusted());
    }
    if (pem.chain() != null && pem.key() != null) {
      builder.tlsCertificatePem(pem.chain(), pem.key());
    }
    if (pem.onlyTls13()) {
      builder.tlsMinVersion("1.3");
    }
  }

  @Bean
  @ConditionalOnMissingBean
  FlyMQProducerFactory flyMQProducerFactory(
      FlyMQProperties properties,
      FlyMQClient client,
      ObjectProvider<FlyMQProducerCustomizer> customizers) {
    ProducerProperties producer = properties.getProducer();
    return new FlyMQProducerFactory(
        client,
        builder -> {
          Options.apply(producer, builder);
          customizers.orderedStream().forEach(customizer -> customizer.customize(builder));
          return builder;
        },
        builder -> {
          Options.apply(producer, builder);
          customizers.orderedStream().forEach(customizer -> customizer.customize(builder));
          return builder;
        },
        producer.getTransactionIdPrefix());
  }

  @Bean
  @ConditionalOnMissingBean
  FlyMQConsumerFactory flyMQConsumerFactory(
      FlyMQProperties properties,
      FlyMQClient client,
      ObjectProvider<FlyMQConsumerCustomizer> customizers) {
    ConsumerProperties consumer = properties.getConsumer();
    return new FlyMQConsumerFactory(
        client,
        Options.consumer(consumer),
        consumer.getMaxPollRecords(),
        customizers.orderedStream().toList());
  }

  @Bean
  @ConditionalOnMissingBean
  RecordConverter flyMQRecordConverter(ObjectProvider<PayloadConverter> converter) {
    return new RecordConverter(converter.getIfUnique());
  }

  @Bean
  @ConditionalOnMissingBean
  FlyMQTemplate flyMQTemplate(
      FlyMQProperties properties,
      FlyMQProducerFactory producers,
      RecordConverter converter,
      ObjectProvider<ObservationRegistry> observations,
      ObjectProvider<FlyMQSendConvention> sending,
      ObjectProvider<FlyMQReceiveConvention> receiving) {
    FlyMQTemplate template = new FlyMQTemplate(producers, converter);
    template.setDefaultTopic(properties.getTemplate().getDefaultTopic());
    template.setReceiveTimeout(properties.getTemplate().getReceiveTimeout());
    template.setObservations(
        observations.getIfUnique(() -> ObservationRegistry.NOOP),
        sending.getIfUnique(),
        receiving.getIfUnique());
    return template;
  }

  @Bean
  @ConditionalOnMissingBean
  @ConditionalOnProperty(name = "flymq.admin.auto-create", matchIfMissing = true)
  TopicCreator flyMQTopicCreator(FlyMQClient client, ObjectProvider<NewTopic> topics) {
    return new TopicCreator(client, topics.orderedStream().toList());
  }
}
