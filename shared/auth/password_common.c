/*
 * A short table, sorted, that catches what is tried in the first minute of
 * any guessing; it is not a dictionary. Only words of eight bytes and more:
 * shorter ones fall to login.password_min.
 */
#include "auth/password_common.h"

#include <string.h>

#define WORD_MAX 32

/* Lower case, in the order of memcmp; a test holds it to that. */
static const char *const words[] = {"!qaz2wsx", "01010101", "01011980",
    "01011990", "01012000", "0123456789", "02020202", "10101010", "10203040",
    "11111112", "11112222", "11223344", "1122334455", "112233445566",
    "12121212", "123123123", "123123456", "123321123", "12341234", "12344321",
    "123454321", "1234554321", "123456123", "12345678", "123456780",
    "123456789", "1234567890", "123456789a", "123456789q", "12345678a",
    "12345678q", "12345679", "1234567a", "1234567q", "123456abc",
    "123456qwerty", "12345abc", "12345qwert", "1234abcd", "1234qwer",
    "123abc123", "123qwe123", "123qweasd", "123qweasdzxc", "123qwerty",
    "13131313", "13145200", "1314520520", "147258369", "147852369", "159357456",
    "159753456", "19841984", "19851985", "19861986", "19871987", "19881988",
    "19891989", "19901990", "19911991", "19921992", "1a2b3c4d", "1q2w3e4r",
    "1q2w3e4r5t", "1q2w3e4r5t6y", "1qaz!qaz", "1qaz2wsx", "1qaz2wsx3edc",
    "1qaz@wsx", "1qazxsw2", "20002000", "20102010", "20202020", "20202021",
    "2wsx3edc", "31415926", "314159265", "3141592654", "52013145", "5201314520",
    "5201314a", "741852963", "789456123", "87654321", "963852741", "987654321",
    "9876543210", "a1234567", "a12345678", "a123456789", "a1b2c3d4",
    "a1b2c3d4e5", "aa123456", "aa12345678", "aaa111222", "aaaabbbb", "abc12345",
    "abc123456", "abc123abc", "abc123def", "abcabcabc", "abcd1234", "abcd12345",
    "abcdabcd", "abcdef123", "abcdefg1", "abcdefgh", "abcdefghi", "access14",
    "admin123", "admin1234", "admin12345", "admin123456", "admin888",
    "admin@123", "adminadmin", "administrator", "alejandra", "alejandro",
    "alexander", "alexander1", "alexandra", "america1", "american", "andrew123",
    "angel123", "angels12", "anthony1", "anything", "arsenal1", "arsenal123",
    "as123456", "asd123456", "asdasdasd", "asdf1234", "asdfasdf", "asdfghjk",
    "asdfghjkl", "asdfghjkl1", "asdqwe123", "ashley12", "australia",
    "autumn2023", "autumn2024", "avengers", "babyboy1", "babygirl", "babygirl1",
    "barcelona", "baseball", "baseball1", "basketball", "batman123", "benjamin",
    "benjamin1", "blessed1", "blink182", "blueberry", "budweiser", "butterfly",
    "butterfly1", "california", "canada12", "changeit", "changeme", "changeme1",
    "changeme123", "charlie1", "charlie123", "cheesecake", "chelsea1",
    "chocolate", "chocolate1", "christian", "christina", "christopher",
    "cisco123", "cocacola", "computer", "computer1", "contrasena",
    "contrase\303\261a", "correcthorsebatterystaple", "corvette",
    "counterstrike", "cowboys1", "creative", "daniel123", "database",
    "december", "december1", "default1", "default123", "demo1234", "diamond1",
    "dolphins", "dragon12", "dragon123", "einstein", "elephant", "elizabeth",
    "elizabeth1", "facebook", "facebook1", "february", "fernando", "ferrari1",
    "football", "football1", "football123", "forever1", "forever21", "fortnite",
    "francisco", "freedom1", "freedom123", "friday13", "gabriel1", "gandalf1",
    "garfield", "gatecast", "gatecast1", "gatecast123", "godisgood",
    "google123", "greenday", "guest123", "guest1234", "guinness", "hardcore",
    "harley12", "haslo123", "heaven12", "heineken", "hello123", "hello1234",
    "hellohello", "hockey123", "hunter12", "hunter22", "ilovegod", "iloveu123",
    "iloveyou", "iloveyou!", "iloveyou1", "iloveyou123", "iloveyou2",
    "instagram", "internet", "internet1", "ironman1", "isabella", "january1",
    "jennifer", "jennifer1", "jessica1", "jessica123", "jesus123",
    "jesuschrist", "jonathan", "jordan123", "jordan23", "juventus", "katherine",
    "killer12", "killer123", "lakers24", "letmein!", "letmein1", "letmein123",
    "letmeinnow", "letsgo123", "linkedin", "linux123", "liverpool",
    "liverpool1", "london123", "lovelove", "lovely123", "loveyou1",
    "manchester", "marlboro", "master12", "master123", "matthew1", "maverick",
    "mercedes", "metallica", "metallica1", "michael1", "michelle", "michelle1",
    "mickey12", "mickeymouse", "microsoft", "midnight", "midnight1",
    "minecraft", "minecraft1", "monday123", "monkey12", "monkey123",
    "motdepasse", "mustang1", "mypassword", "mysecret", "myspace1", "mysql123",
    "naruto123", "newyork1", "nicholas", "nicole12", "ninja123", "nirvana1",
    "nothing1", "november", "opensesame", "oracle123", "p@55w0rd", "p@ssw0rd",
    "p@ssw0rd1", "p@ssw0rd123", "p@ssword", "p@ssword1", "pa$$word", "pa55w0rd",
    "pa55word", "paris123", "parola123", "pass1234", "pass12345", "pass123456",
    "passpass", "passport", "passw0rd", "passw0rd!", "passw0rd1", "password",
    "password!", "password01", "password1", "password1!", "password12",
    "password123", "password1234", "password12345", "password2", "password3",
    "password99", "passwords", "passwort", "passwort1", "penguin1", "pineapple",
    "pirate12", "pokemon1", "pokemon123", "porsche1", "postgres", "princess",
    "princess1", "princess123", "q1234567", "q12345678", "q1w2e3r4",
    "q1w2e3r4t5", "qazwsx123", "qazwsxedc", "qazwsxedcrfv", "qq123456",
    "qq12345678", "qq123456789", "qwe123456", "qwe123qwe", "qweasd123",
    "qweasdzxc", "qweqweqwe", "qwer1234", "qwerasdf", "qwert123", "qwert12345",
    "qwerty1!", "qwerty12", "qwerty123", "qwerty1234", "qwerty12345",
    "qwerty123456", "qwertyqwerty", "qwertyui", "qwertyuiop", "qwertyuiop1",
    "qwertyuiop123", "rainbow1", "rainbow123", "raspberry", "raspberrypi",
    "realmadrid", "roblox123", "root1234", "root12345", "rootroot", "salasana",
    "samantha", "samantha1", "samsung1", "samsung123", "scorpion", "sebastian",
    "secret12", "secret123", "secretpassword", "security", "security1",
    "senha123", "september", "september1", "shadow12", "shadow123", "slipknot",
    "snapchat", "snoopy12", "snowball", "snowflake", "soccer12", "softball",
    "something", "spiderman", "spiderman1", "spongebob", "spring2023",
    "spring2024", "starcraft", "starwars", "starwars1", "steelers", "stephanie",
    "strawberry", "summer12", "summer123", "summer2020", "summer2021",
    "summer2022", "summer2023", "summer2024", "sunshine", "sunshine1",
    "sunshine123", "superman", "superman1", "supersecret", "sweetheart",
    "sweetie1", "temp1234", "temporary", "temppass", "test1234", "test12345",
    "test123456", "tester12", "testing1", "testing123", "testtest",
    "tinkerbell", "toor1234", "trustno1", "trustno1!", "ubuntu12", "united123",
    "user1234", "username", "userpass", "valentina", "victoria", "victoria1",
    "volleyball", "w123456789", "wachtwoord", "wang1234", "warcraft",
    "welcome01", "welcome1", "welcome1!", "welcome12", "welcome123", "welcome2",
    "whatever", "whatever1", "whatsapp", "windows1", "windows10", "winter12",
    "winter123", "winter2020", "winter2021", "winter2022", "winter2023",
    "winter2024", "wizard12", "woaini123", "woaini1314", "woaini520",
    "woaiwojia", "wolverine", "yankees1", "youtube1", "z123456789", "zaq!2wsx",
    "zaq12wsx", "zaq1xsw2", "zaq1zaq1", "zeppelin", "zxcv1234", "zxcvbnm,",
    "zxcvbnm1", "zxcvbnm123", "zz123456"};

static bool
is_one_character(const char *pw, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (pw[i] != pw[0])
			return false;
	return true;
}

bool
password_is_common(const char *pw, size_t n)
{
	char word[WORD_MAX];
	size_t low = 0, high = sizeof(words) / sizeof(words[0]);

	if (n > 0 && is_one_character(pw, n))
		return true;
	if (n == 0 || n >= sizeof(word) || memchr(pw, '\0', n) != NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		word[i] = pw[i] >= 'A' && pw[i] <= 'Z'
		    ? (char)(pw[i] - 'A' + 'a')
		    : pw[i];
	word[n] = '\0';
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(word, words[middle]);
		if (order == 0)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}
