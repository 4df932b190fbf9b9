package io.flymq.spring.boot;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyStore;
import java.security.KeyStoreException;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.ssl.SslBundle;
import org.springframework.boot.ssl.SslBundleKey;

/**
 * An SSL bundle's certificates and key as PEM. TLS is the core's, which cannot use an {@code SSLContext}.
 *
 * @param trusted whom to trust; {@code null} for the operating system's authorities
 * @param chain the client's certificate, and those that lead from it to a root; {@code null} if there is none
 * @param key its private key
 * @param onlyTls13 whether the bundle enables nothing below TLS 1.3
 */
record SslBundlePem(
    @Nullable String trusted, @Nullable String chain, char @Nullable [] key, boolean onlyTls13) {
  private static final Base64.Encoder BASE64 =
      Base64.getMimeEncoder(64, "\n".getBytes(StandardCharsets.US_ASCII));

  static SslBundlePem of(SslBundle bundle) {
    try {
      String[] protocols = bundle.getOptions().getEnabledProtocols();
      boolean onlyTls13 = protocols != null && Arrays.equals(protocols, new String[] {"TLSv1.3"});
      String trusted = trusted(bundle.getStores().getTrustStore());
      KeyStore keys = bundle.getStores().getKeyStore();
      String alias = keys == null ? null : alias(keys, bundle.getKey());
      if (keys == null || alias == null) {
        return new SslBundlePem(trusted, null, null, onlyTls13);
      }
      StringBuilder chain = new StringBuilder();
      for (Certificate certificate : keys.getCertificateChain(alias)) {
        chain.append(pem("CERTIFICATE", certificate.getEncoded()));
      }
      return new SslBundlePem(trusted, chain.toString(), key(bundle, keys, alias), onlyTls13);
    } catch (GeneralSecurityException error) {
      throw new IllegalStateException(
          "the SSL bundle of flymq.ssl.bundle cannot be read: " + error.getMessage(), error);
    }
  }

  private static @Nullable String trusted(@Nullable KeyStore store)
      throws GeneralSecurityException {
    if (store == null) {
      return null;
    }
    StringBuilder all = new StringBuilder();
    for (String alias : Collections.list(store.aliases())) {
      Certificate certificate = store.getCertificate(alias);
      if (certificate != null) {
        all.append(pem("CERTIFICATE", certificate.getEncoded()));
      }
    }
    return all.isEmpty() ? null : all.toString();
  }

  private static @Nullable String alias(KeyStore keys, SslBundleKey key) throws KeyStoreException {
    String named = key.getAlias();
    if (named != null) {
      key.assertContainsAlias(keys);
      return named;
    }
    List<String> aliases = Collections.list(keys.aliases());
    for (String alias : aliases) {
      if (keys.isKeyEntry(alias)) {
        return alias;
      }
    }
    return null;
  }

  private static char[] key(SslBundle bundle, KeyStore keys, String alias)
      throws GeneralSecurityException {
    String password = bundle.getKey().getPassword();
    if (password == null) {
      password = bundle.getStores().getKeyStorePassword();
    }
    Key key = keys.getKey(alias, password == null ? null : password.toCharArray());
    byte[] encoded = key instanceof PrivateKey ? key.getEncoded() : null;
    if (encoded == null || !"PKCS#8".equals(key.getFormat())) {
      throw new IllegalStateException(
          "the private key '"
              + alias
              + "' of the SSL bundle of flymq.ssl.bundle cannot be exported from its "
              + keys.getType()
              + " store, and FlyMQ needs the key itself: use a PEM, PKCS12 or JKS bundle");
    }
    return pem("PRIVATE KEY", encoded).toCharArray();
  }

  private static String pem(String what, byte[] der) {
    return "-----BEGIN %s-----\n%s\n-----END %s-----\n"
        .formatted(what, BASE64.encodeToString(der), what);
  }

  @Override
  public String toString() {
    return "SslBundlePem[trusted=" + (trusted != null) + ", key=" + (key != null) + "]";
  }
}
