/*
 * Runs a fuzz target over a committed corpus, without libFuzzer: each
 * argument is a file or a directory of files.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t runs;

static int
replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (f == NULL) {
		perror(path);
		return -1;
	}
	/* An exact allocation, so that ASan sees the first byte beyond it. */
	struct stat st;
	uint8_t *data = NULL;
	size_t n = 0;
	if (fstat(fileno(f), &st) == 0 && st.st_size > 0) {
		data = malloc((size_t)st.st_size);
		if (data != NULL)
			n = fread(data, 1, (size_t)st.st_size, f);
	}
	fclose(f);
	LLVMFuzzerTestOneInput(data, n);
	free(data);
	runs++;
	return 0;
}

static int
replay_path(const char *path)
{
	struct stat st;
	if (stat(path, &st) == -1) {
		perror(path);
		return -1;
	}
	if (!S_ISDIR(st.st_mode))
		return replay_file(path);
	DIR *dir = opendir(path);
	if (dir == NULL) {
		perror(path);
		return -1;
	}
	int rc = 0;
	struct dirent *e;
	while ((e = readdir(dir)) != NULL) {
		char file[4096];
		if (e->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		if (replay_file(file) == -1)
			rc = -1;
	}
	closedir(dir);
	return rc;
}

int
main(int argc, char **argv)
{
	int rc = EXIT_SUCCESS;
	for (int i = 1; i < argc; i++)
		if (replay_path(argv[i]) == -1)
			rc = EXIT_FAILURE;
	if (runs == 0) {
		fprintf(stderr, "%s: nothing replayed\n", argv[0]);
		rc = EXIT_FAILURE;
	}
	printf("%s: %zu inputs\n", argv[0], runs);
	return rc;
}
