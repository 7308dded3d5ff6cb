/* Starts a parallel region: where LLVM's OpenMP finds its processors. */
#include <stdio.h>

int omp_get_num_procs(void);

int main(void)
{
	int threads = 0;
#pragma omp parallel reduction(+ : threads)
	threads += 1;
	printf("%d threads, %d processors\n", threads, omp_get_num_procs());
	return threads < 1;
}
