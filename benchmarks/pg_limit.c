/* Softmax policy gradient with exact gradients, written for AVX-512: the physical limit.
 *
 * theta [K, B] row-major, B a multiple of 64; each update with the escape test of policy n
 * (pi.r > threshold) and the same polynomial exp as the numba kernel. U vectors of 8 doubles
 * side by side hide the latency of the polynomial.
 */
#include <immintrin.h>
#include <stdint.h>

#define U 8
#define MAX_ARMS 128

static inline __m512d vector_exp(__m512d x) {
  static const double c[13] = {1, 1, 1. / 2, 1. / 6, 1. / 24, 1. / 120, 1. / 720, 1. / 5040,
                               1. / 40320, 1. / 362880, 1. / 3628800, 1. / 39916800,
                               1. / 479001600};
  const __m512d n = _mm512_roundscale_pd(_mm512_mul_pd(x, _mm512_set1_pd(1.4426950408889634)), 0);
  __m512d f = _mm512_fnmadd_pd(n, _mm512_set1_pd(6.93147180369123816490e-01), x);
  f = _mm512_fnmadd_pd(n, _mm512_set1_pd(1.90821492927058770002e-10), f);
  __m512d p = _mm512_set1_pd(c[12]);
  for (int i = 11; i >= 0; --i) p = _mm512_fmadd_pd(p, f, _mm512_set1_pd(c[i]));
  return _mm512_scalef_pd(p, n);
}

void run(double *theta, const double *rewards, double eta, int64_t updates, double threshold,
         int64_t *escape_time, int64_t arms, int64_t batch) {
  __m512d x[MAX_ARMS][U], mass[MAX_ARMS][U];
  for (int64_t b = 0; b < batch; b += 8 * U) {
    for (int64_t a = 0; a < arms; a++)
      for (int u = 0; u < U; u++) x[a][u] = _mm512_loadu_pd(theta + a * batch + b + 8 * u);
    __m512i escaped[U];
    for (int u = 0; u < U; u++) escaped[u] = _mm512_set1_epi64(-1);
    for (int64_t n = 0; n < updates; n++) {
      __m512d total[U], mean[U];
      for (int u = 0; u < U; u++) total[u] = mean[u] = _mm512_setzero_pd();
      for (int64_t a = 0; a < arms; a++) {
        const __m512d reward = _mm512_set1_pd(rewards[a]);
        for (int u = 0; u < U; u++) {
          mass[a][u] = vector_exp(x[a][u]);
          total[u] = _mm512_add_pd(total[u], mass[a][u]);
          mean[u] = _mm512_fmadd_pd(mass[a][u], reward, mean[u]);
        }
      }
      for (int u = 0; u < U; u++) {
        const __m512d inverse = _mm512_div_pd(_mm512_set1_pd(1), total[u]);
        mean[u] = _mm512_mul_pd(mean[u], inverse);
        total[u] = _mm512_mul_pd(inverse, _mm512_set1_pd(eta));
        const __mmask8 first =
            _mm512_cmp_pd_mask(mean[u], _mm512_set1_pd(threshold), _CMP_GT_OQ) &
            _mm512_cmp_epi64_mask(escaped[u], _mm512_setzero_si512(), _MM_CMPINT_LT);
        escaped[u] = _mm512_mask_set1_epi64(escaped[u], first, n);
      }
      for (int64_t a = 0; a < arms; a++) {
        const __m512d reward = _mm512_set1_pd(rewards[a]);
        for (int u = 0; u < U; u++)
          x[a][u] = _mm512_fmadd_pd(_mm512_mul_pd(mass[a][u], total[u]),
                                    _mm512_sub_pd(reward, mean[u]), x[a][u]);
      }
    }
    for (int64_t a = 0; a < arms; a++)
      for (int u = 0; u < U; u++) _mm512_storeu_pd(theta + a * batch + b + 8 * u, x[a][u]);
    for (int u = 0; u < U; u++) _mm512_storeu_si512(escape_time + b + 8 * u, escaped[u]);
  }
}
