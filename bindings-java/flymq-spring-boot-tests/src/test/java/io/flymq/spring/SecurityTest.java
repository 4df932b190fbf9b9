package io.flymq.spring;

import static io.flymq.spring.Apps.bare;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flymq.client.EmbeddedBroker;
import io.flymq.client.FlyMQClient;
import io.flymq.client.errors.AuthFailedException;
import io.flymq.client.errors.TlsFailedException;
import io.flymq.client.errors.UnknownEncryptionKeyException;
import io.flymq.spring.boot.FlyMQConnectionDetails;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Key;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.util.Base64;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.ssl.SslAutoConfiguration;
import org.springframework.boot.ssl.SslBundle;
import org.springframework.boot.ssl.SslBundleKey;
import org.springframework.boot.ssl.SslStoreBundle;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

/** Logging in, and secured connections with the bundles of Spring Boot. */
@Tag("smoke")
class SecurityTest {
  private static final String SECRET = "change-it";

  @TempDir static Path folder;
  static Path store;
  static Path serverCertificate;
  static Path serverKey;
  static Path clientCertificate;
  static Path clientKey;

  @BeforeAll
  static void makeCertificates() throws Exception {
    store = folder.resolve("keys.p12");
    for (String name : new String[] {"server", "client"}) {
      Process keytool =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                  "-genkeypair", "-alias", name, "-keyalg", "EC", "-dname", "CN=" + name,
                  "-ext", "san=dns:localhost,ip:127.0.0.1", "-storetype", "PKCS12",
                  "-keystore", store.toString(), "-storepass", SECRET)
              .redirectErrorStream(true)
              .start();
      String said = new String(keytool.getInputStream().readAllBytes());
      assertThat(keytool.waitFor()).as(said).isZero();
    }
    serverCertificate = pem("server", true);
    serverKey = pem("server", false);
    clientCertificate = pem("client", true);
    clientKey = pem("client", false);
  }

  private static Path pem(String alias, boolean certificate) throws Exception {
    KeyStore keys = KeyStore.getInstance(store.toFile(), SECRET.toCharArray());
    Certificate found = keys.getCertificate(alias);
    Key key = keys.getKey(alias, SECRET.toCharArray());
    String what = certificate ? "CERTIFICATE" : "PRIVATE KEY";
    byte[] der = certificate ? found.getEncoded() : key.getEncoded();
    String text =
        "-----BEGIN %s-----\n%s\n-----END %s-----\n"
            .formatted(what, Base64.getMimeEncoder().encodeToString(der), what);
    return Files.writeString(folder.resolve(alias + (certificate ? ".crt" : ".key")), text);
  }

  private static EmbeddedBroker mutual() throws IOException {
    return EmbeddedBroker.builder()
        .tls(serverCertificate, serverKey)
        .tlsClientCa(clientCertificate, EmbeddedBroker.ClientAuth.REQUIRED)
        .start();
  }

  private static ApplicationContextRunner app(EmbeddedBroker broker) {
    return bare()
        .withConfiguration(AutoConfigurations.of(SslAutoConfiguration.class))
        .withPropertyValues(
            "flymq.bootstrap-servers=" + broker.address(), "flymq.connect-timeout=2s");
  }

  @Test
  void bundlesOfPemFilesSecureConnections() throws Exception {
    try (EmbeddedBroker broker = mutual()) {
      app(broker)
          .withPropertyValues(
              "flymq.ssl.bundle=mq",
              "spring.ssl.bundle.pem.mq.keystore.certificate=" + clientCertificate,
              "spring.ssl.bundle.pem.mq.keystore.private-key=" + clientKey,
              "spring.ssl.bundle.pem.mq.truststore.certificate=" + serverCertificate,
              "spring.ssl.bundle.pem.mq.options.enabled-protocols=TLSv1.3")
          .run(context -> assertThat(context.getBean(FlyMQClient.class).ping()).isPositive());
    }
  }

  @Test
  void bundlesOfKeyStoresSecureConnections() throws Exception {
    try (EmbeddedBroker broker = mutual()) {
      app(broker)
          .withPropertyValues(
              "flymq.ssl.bundle=mq",
              "spring.ssl.bundle.jks.mq.keystore.location=" + store,
              "spring.ssl.bundle.jks.mq.keystore.password=" + SECRET,
              "spring.ssl.bundle.jks.mq.keystore.type=PKCS12",
              "spring.ssl.bundle.jks.mq.key.alias=client",
              "spring.ssl.bundle.jks.mq.truststore.location=" + store,
              "spring.ssl.bundle.jks.mq.truststore.password=" + SECRET,
              "spring.ssl.bundle.jks.mq.truststore.type=PKCS12")
          .run(context -> assertThat(context.getBean(FlyMQClient.class).ping()).isPositive());
    }
  }

  @Test
  void propertiesSayHowStrictToBe() {
    try (EmbeddedBroker broker =
        EmbeddedBroker.builder().tls(serverCertificate, serverKey).onlyTls13(true).start()) {
      app(broker)
          .withPropertyValues(
              "flymq.ssl.enabled=true",
              "flymq.ssl.min-version=1.3",
              "flymq.ssl.insecure-skip-verify=true")
          .run(context -> assertThat(context).hasNotFailed());
      var trusting =
          app(broker)
              .withPropertyValues(
                  "flymq.ssl.bundle=mq",
                  "spring.ssl.bundle.pem.mq.truststore.certificate=" + serverCertificate);
      trusting
          .withPropertyValues("flymq.ssl.server-name=localhost")
          .run(context -> assertThat(context).hasNotFailed());
      trusting
          .withPropertyValues("flymq.ssl.server-name=elsewhere")
          .run(context -> assertThat(context).hasFailed());
    }
  }

  @Test
  void brokersThatTheBundleDoesNotTrustAreRefused() throws Exception {
    try (EmbeddedBroker broker = mutual()) {
      app(broker)
          .withPropertyValues(
              "flymq.ssl.bundle=mq",
              "spring.ssl.bundle.pem.mq.truststore.certificate=" + clientCertificate)
          .run(
              context ->
                  assertThat(context.getStartupFailure())
                      .rootCause()
                      .isInstanceOf(TlsFailedException.class));
    }
  }

  /** The key of a hardware module: it can be used, but not seen. */
  private static final class Hidden implements PrivateKey {
    private static final long serialVersionUID = 1L;

    @Override
    public String getAlgorithm() {
      return "EC";
    }

    @Override
    public String getFormat() {
      return null;
    }

    @Override
    public byte[] getEncoded() {
      return null;
    }
  }

  @Test
  void keysThatCannotBeExportedAreNamed() throws Exception {
    KeyStore keys =
        new KeyStore(
            new HiddenStore(new Hidden(), certificate()),
            null,
            "PKCS11") {};
    keys.load(new ByteArrayInputStream(new byte[0]), null);
    SslBundle bundle = SslBundle.of(SslStoreBundle.of(keys, null, null), SslBundleKey.NONE);
    bare()
        .withBean(
            FlyMQConnectionDetails.class,
            () ->
                new FlyMQConnectionDetails() {
                  @Override
                  public String getBootstrapServers() {
                    return "127.0.0.1:1";
                  }

                  @Override
                  public SslBundle getSslBundle() {
                    return bundle;
                  }
                })
        .run(
            context ->
                assertThat(context.getStartupFailure())
                    .rootCause()
                    .hasMessageContaining("'hidden'")
                    .hasMessageContaining("cannot be exported")
                    .hasMessageContaining("PKCS11"));
  }

  private static Certificate certificate() throws Exception {
    return KeyStore.getInstance(store.toFile(), SECRET.toCharArray()).getCertificate("client");
  }

  @Test
  void usersLogIn() {
    try (EmbeddedBroker broker =
        EmbeddedBroker.builder().user("ada", "lovelace".toCharArray()).start()) {
      app(broker)
          .withPropertyValues("flymq.username=ada", "flymq.password=lovelace")
          .run(
              context ->
                  assertThat(context.getBean(FlyMQClient.class).whoami().principal()).isEqualTo("ada"));
      app(broker)
          .withPropertyValues("flymq.username=ada", "flymq.password=babbage")
          .run(
              context ->
                  assertThat(context.getStartupFailure())
                      .rootCause()
                      .isInstanceOf(AuthFailedException.class));
      app(broker)
          .withBean(
              FlyMQConnectionDetails.class,
              () ->
                  new FlyMQConnectionDetails() {
                    @Override
                    public String getBootstrapServers() {
                      return broker.address();
                    }

                    @Override
                    public String getUsername() {
                      return "ada";
                    }

                    @Override
                    public String getPassword() {
                      return "lovelace";
                    }
                  })
          .withPropertyValues("flymq.bootstrap-servers=127.0.0.1:1")
          .run(
              context ->
                  assertThat(context.getBean(FlyMQClient.class).whoami().principal()).isEqualTo("ada"));
    }
  }

  @Test
  void recordsAreEncryptedForTheBroker() {
    String key = "00".repeat(32);
    String topic = Apps.topic(1);
    Apps.app()
        .withPropertyValues("flymq.encryption.key=" + key)
        .run(
            context -> {
              context.getBean(FlyMQTemplate.class).send(topic, "secret").get();
              assertThatThrownBy(() -> Apps.values(topic))
                  .isInstanceOf(UnknownEncryptionKeyException.class);
              assertThat(
                      context.getBean(FlyMQTemplate.class).receive(topic, 0, 0, String.class))
                  .hasValueSatisfying(r -> assertThat(r.value()).isEqualTo("secret"));
            });
  }
}
