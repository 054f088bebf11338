// The task store of the book "Build an Orchestrator in Go" over bbolt, to be measured beside ours.
//
// Reads one request a line from the standard input and answers each with one line: what it
// measured, as JSON. In mode "book" every put is a transaction of its own, as in the book; in mode
// "batch" concurrent puts share one (bbolt's own means, with MaxBatchSize set to the callers).
package main

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"fmt"
	mathrand "math/rand"
	"os"
	"sort"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Task has the fields of the book's task, with plain types.
type Task struct {
	ID            string
	ContainerID   string
	Name          string
	State         int
	Image         string
	Cpu           float64
	Memory        int64
	Disk          int64
	ExposedPorts  map[string]struct{}
	HostPorts     map[string][]PortBinding
	PortBindings  map[string]string
	RestartPolicy string
	StartTime     time.Time
	FinishTime    time.Time
	HealthCheck   string
	RestartCount  int
}

// PortBinding is where a port is published.
type PortBinding struct {
	HostIp   string
	HostPort string
}

// Request is one line of the input.
type Request struct {
	Op       string
	Path     string
	Template string
	Bucket   string
	Count    int
	Callers  int
	Batch    bool
	Ms       int
}

// Reply is one line of the output. Times are in milliseconds.
type Reply struct {
	Rate  float64
	P50   float64
	P99   float64
	Ms    float64
	Count int
	Bytes int64
}

// TaskStore is the book's, by its methods.
type TaskStore struct {
	Db     *bolt.DB
	Bucket string
}

// Put writes one task in a transaction of its own.
func (t *TaskStore) Put(key string, task *Task) error {
	return t.Db.Update(func(tx *bolt.Tx) error { return t.put(tx, key, task) })
}

// PutBatch writes one task in a transaction that it shares with others that wait.
func (t *TaskStore) PutBatch(key string, task *Task) error {
	return t.Db.Batch(func(tx *bolt.Tx) error { return t.put(tx, key, task) })
}

func (t *TaskStore) put(tx *bolt.Tx, key string, task *Task) error {
	buf, err := json.Marshal(task)
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(t.Bucket)).Put([]byte(key), buf)
}

// Get reads and decodes one task.
func (t *TaskStore) Get(key string) (*Task, error) {
	var task Task
	err := t.Db.View(func(tx *bolt.Tx) error {
		value := tx.Bucket([]byte(t.Bucket)).Get([]byte(key))
		if value == nil {
			return fmt.Errorf("task %v not found", key)
		}
		return json.Unmarshal(value, &task)
	})
	return &task, err
}

// List reads and decodes all tasks.
func (t *TaskStore) List() ([]*Task, error) {
	var tasks []*Task
	err := t.Db.View(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte(t.Bucket)).ForEach(func(k, v []byte) error {
			var task Task
			if err := json.Unmarshal(v, &task); err != nil {
				return err
			}
			tasks = append(tasks, &task)
			return nil
		})
	})
	return tasks, err
}

// Count goes over all tasks.
func (t *TaskStore) Count() (int, error) {
	count := 0
	err := t.Db.View(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte(t.Bucket)).ForEach(func(k, v []byte) error {
			count++
			return nil
		})
	})
	return count, err
}

// Peer is the open file, and the keys in it.
type Peer struct {
	path     string
	db       *bolt.DB
	template Task
	keys     map[string][]string
}

func main() {
	peer := &Peer{keys: map[string][]string{}}
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var request Request
		must(json.Unmarshal(line, &request))
		reply, err := peer.serve(request)
		must(err)
		text, err := json.Marshal(reply)
		must(err)
		fmt.Println(string(text))
	}
}

func (p *Peer) serve(r Request) (Reply, error) {
	store := &TaskStore{Db: p.db, Bucket: r.Bucket}
	started := time.Now()
	switch r.Op {
	case "open":
		p.path = r.Path
		if err := json.Unmarshal([]byte(r.Template), &p.template); err != nil {
			return Reply{}, err
		}
		text, err := json.Marshal(p.template)
		if err != nil {
			return Reply{}, err
		}
		return Reply{Bytes: int64(len(text))}, p.open()
	case "load":
		return Reply{Count: r.Count}, p.load(store, r.Count)
	case "put":
		p.db.MaxBatchSize = r.Callers
		put := store.Put
		if r.Batch {
			put = store.PutBatch
		}
		return p.burst(r, func(random *mathrand.Rand) error {
			task := p.template
			task.ID = p.key(r.Bucket, random)
			task.RestartCount = 100000 + random.Intn(900000)
			return put(task.ID, &task)
		})
	case "get":
		return p.burst(r, func(random *mathrand.Rand) error {
			_, err := store.Get(p.key(r.Bucket, random))
			return err
		})
	case "list":
		tasks, err := store.List()
		return Reply{Ms: millis(started), Count: len(tasks)}, err
	case "count":
		count, err := store.Count()
		return Reply{Ms: millis(started), Count: count}, err
	case "reopen":
		if err := p.db.Close(); err != nil {
			return Reply{}, err
		}
		started = time.Now()
		if err := p.open(); err != nil {
			return Reply{}, err
		}
		_, err := (&TaskStore{Db: p.db, Bucket: r.Bucket}).Get(p.keys[r.Bucket][0])
		return Reply{Ms: millis(started)}, err
	case "size":
		info, err := os.Stat(p.path)
		if err != nil {
			return Reply{}, err
		}
		return Reply{Bytes: info.Size()}, nil
	}
	return Reply{}, fmt.Errorf("unknown operation %q", r.Op)
}

func (p *Peer) open() error {
	db, err := bolt.Open(p.path, 0600, nil)
	p.db = db
	return err
}

// load fills a bucket with tasks under random keys, a thousand in each transaction.
func (p *Peer) load(store *TaskStore, count int) error {
	for done := 0; done < count; done += 1000 {
		err := p.db.Update(func(tx *bolt.Tx) error {
			if _, err := tx.CreateBucketIfNotExists([]byte(store.Bucket)); err != nil {
				return err
			}
			for i := 0; i < 1000 && done+i < count; i++ {
				task := p.template
				task.ID = uuid()
				if err := store.put(tx, task.ID, &task); err != nil {
					return err
				}
				p.keys[store.Bucket] = append(p.keys[store.Bucket], task.ID)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Peer) key(bucket string, random *mathrand.Rand) string {
	keys := p.keys[bucket]
	return keys[random.Intn(len(keys))]
}

// burst lets callers repeat an operation, each waiting for its own, until the time is over.
func (p *Peer) burst(r Request, operation func(*mathrand.Rand) error) (Reply, error) {
	started := time.Now()
	deadline := started.Add(time.Duration(r.Ms) * time.Millisecond)
	took := make([][]float64, r.Callers)
	failures := make([]error, r.Callers)
	var wait sync.WaitGroup
	for caller := 0; caller < r.Callers; caller++ {
		wait.Add(1)
		go func(caller int) {
			defer wait.Done()
			random := mathrand.New(mathrand.NewSource(int64(caller) + started.UnixNano()))
			for time.Now().Before(deadline) && failures[caller] == nil {
				begun := time.Now()
				failures[caller] = operation(random)
				took[caller] = append(took[caller], millis(begun))
			}
		}(caller)
	}
	wait.Wait()
	seconds := time.Since(started).Seconds()
	var all []float64
	for caller := range took {
		if failures[caller] != nil {
			return Reply{}, failures[caller]
		}
		all = append(all, took[caller]...)
	}
	sort.Float64s(all)
	return Reply{
		Rate:  float64(len(all)) / seconds,
		P50:   all[len(all)/2],
		P99:   all[len(all)*99/100],
		Count: len(all),
	}, nil
}

func millis(since time.Time) float64 {
	return float64(time.Since(since).Nanoseconds()) / 1e6
}

func uuid() string {
	b := make([]byte, 16)
	_, err := rand.Read(b)
	must(err)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
